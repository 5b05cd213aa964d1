-- What Nova keeps in a server's system metadata: who asked for it, the image it was shelved into, when it was put away.
alter table servers add column system_metadata jsonb;

-- A server that moves has two shares: one where it is, one where it goes to or came from. On one host too, so the host
-- is no part of the key.
alter table claims add column held_for text not null default 'server' check (held_for in ('server', 'migration'));
alter table claims drop constraint claims_pkey;
alter table claims add constraint claims_of_server unique (server_id, held_for) deferrable initially immediate;

-- A move of a server from one host to another, or to another flavor.
create table migrations (
  id bigint generated always as identity primary key,
  uuid uuid not null unique default gen_random_uuid(),
  server_id uuid not null references servers (id),
  migration_type text not null check (migration_type in ('migration', 'resize', 'live-migration', 'evacuation')),
  status text not null,
  source_compute text,
  source_node text,
  dest_compute text,
  dest_node text,
  dest_host text,
  old_flavor jsonb not null,
  new_flavor jsonb not null,
  -- whether the guest is to run when it is put back
  power_on boolean not null default true,
  user_id text not null,
  project_id text not null,
  request_id text not null,
  -- of whoever has called it off
  cancel_request_id text,
  memory_total_bytes bigint,
  memory_processed_bytes bigint,
  memory_remaining_bytes bigint,
  disk_total_bytes bigint,
  disk_processed_bytes bigint,
  disk_remaining_bytes bigint,
  created_at timestamptz not null default now(),
  updated_at timestamptz
);
create index migrations_server on migrations (server_id, id desc);
create index migrations_order on migrations (created_at desc, id desc);

-- Servers that wait for something to be done to them after a while.
create index servers_waiting on servers (vm_state, updated_at)
  where deleted_at is null and vm_state in ('resized', 'shelved', 'soft-delete');
