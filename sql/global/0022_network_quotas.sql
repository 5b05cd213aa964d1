-- How many of a kind of network resource a project may have; without a row, as many as it likes.
create table network_quotas (
  project_id text not null,
  resource text not null,
  -- -1 is unlimited
  hard_limit integer not null check (hard_limit >= -1),
  primary key (project_id, resource)
);
