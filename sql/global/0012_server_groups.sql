-- Groups that say how their servers are to be spread.
create table server_groups (
  number bigint generated always as identity primary key,
  id uuid not null unique,
  project_id text not null,
  user_id text not null,
  name text not null,
  policy text not null check (policy in ('affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity')),
  -- of anti-affinity only; null is 1
  max_server_per_host integer check (max_server_per_host > 0),
  created_at timestamptz not null default now()
);
create index server_groups_project on server_groups (project_id, number);
