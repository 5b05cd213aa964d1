-- Durable tasks of the global database; sql/cell has the same table for those of a cell. A row lives as long as the
-- task does: a finished one is removed in the transaction that records its outcome.
create table tasks (
  id uuid primary key,
  kind text not null,
  -- what the task is about, a server id; tasks of one subject run one after the other, oldest first
  subject text not null,
  request_id text not null,
  input jsonb not null,
  -- what steps left for later steps, by step name
  data jsonb not null default '{}',
  -- next step to do; while undoing, the step undone last
  step integer not null default 0,
  state text not null default 'ready' check (state in ('ready', 'undoing')),
  -- why it is undone: the fault's kind and message
  failure jsonb,
  -- a delete has overtaken it: undo at the next step
  cancelled boolean not null default false,
  attempts integer not null default 0,
  lease_owner text,
  lease_until timestamptz,
  -- number of the lease: a write with an older one is refused
  lease_number bigint not null default 0,
  not_before timestamptz not null default now(),
  deadline_at timestamptz not null,
  created_at timestamptz not null default now(),
  sequence bigint generated always as identity
);
create index tasks_due on tasks (not_before, sequence);
create index tasks_subject on tasks (subject, sequence);
