-- What compute knows of the whole cloud. What belongs to one cell is in sql/cell.
create table flavors (
  id bigint generated always as identity primary key,
  flavor_id text not null unique,
  name text not null unique,
  description text,
  vcpus integer not null,
  memory_mb integer not null,
  root_gb integer not null,
  ephemeral_gb integer not null default 0,
  swap_mb integer not null default 0,
  rxtx_factor double precision not null default 1.0,
  is_public boolean not null default true,
  disabled boolean not null default false,
  extra_specs jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz
);

create table flavor_access (
  flavor_id text not null references flavors (flavor_id) on delete cascade,
  project_id text not null,
  primary key (flavor_id, project_id)
);

create table keypairs (
  id bigint generated always as identity primary key,
  user_id text not null,
  name text not null,
  type text not null default 'ssh' check (type in ('ssh', 'x509')),
  public_key text not null,
  fingerprint text not null,
  created_at timestamptz not null default now(),
  unique (user_id, name)
);

-- Limits set for one project; a resource without a row has the configured default. -1 is unlimited.
create table quota_limits (
  project_id text not null,
  resource text not null,
  hard_limit integer not null,
  primary key (project_id, resource)
);

-- What a project uses now, moved in the transaction that accepts or ends a server.
create table quota_usages (
  project_id text primary key,
  instances integer not null default 0 check (instances >= 0),
  cores integer not null default 0 check (cores >= 0),
  memory_mb bigint not null default 0 check (memory_mb >= 0)
);

create table cells (
  id text primary key,
  name text not null unique,
  disabled boolean not null default false
);
insert into cells (id, name) values ('cell0', 'cell0'), ('cell1', 'cell1');

-- Where each server lives. The row is made when its request is accepted and removed when the server is gone; it also
-- carries what the server counts against its quota, so that giving that back twice is impossible.
create table server_mappings (
  server_id uuid primary key,
  project_id text not null,
  user_id text not null,
  -- null while no cell is chosen: the server is then its row in accepted_servers
  cell_id text references cells (id),
  vcpus integer not null,
  memory_mb integer not null,
  created_at timestamptz not null default now()
);
create index server_mappings_project on server_mappings (project_id, created_at desc, server_id desc);

-- An accepted create request that no cell has yet: Nova's build request. The columns are those of sql/cell's servers,
-- so that one query reads both.
create table accepted_servers (
  id uuid primary key references server_mappings (server_id) on delete cascade,
  -- given by the cell
  number bigint,
  project_id text not null,
  user_id text not null,
  name text not null,
  description text,
  hostname text not null,
  vm_state text not null,
  task_state text,
  -- Nova's numbers: 0 nostate, 1 running, 3 paused, 4 shutdown, 6 crashed, 7 suspended
  power_state smallint not null default 0,
  progress smallint not null default 0,
  -- a copy: a later change of the flavor leaves the server as it is
  flavor jsonb not null,
  flavor_id text not null,
  image_id uuid,
  -- the image's properties, format and checksums at the time of the build
  image jsonb,
  key_name text,
  public_key text,
  metadata jsonb not null default '{}',
  tags text[] not null default '{}',
  security_groups jsonb not null default '[]',
  -- networks as asked for, and the ports the server has: [{port_id, network_label, …}]
  requested_networks jsonb,
  vifs jsonb not null default '[]',
  availability_zone text,
  host text,
  node text,
  reservation_id text not null,
  launch_index integer not null default 0,
  config_drive boolean not null default false,
  user_data text,
  access_ip_v4 text,
  access_ip_v6 text,
  auto_disk_config boolean not null default true,
  root_device_name text,
  locked_by text check (locked_by in ('owner', 'admin')),
  locked_reason text,
  fault jsonb,
  -- how the scheduler came to its decision
  explanation jsonb,
  -- rises with each task: a host refuses a command with an older one
  generation integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  launched_at timestamptz,
  terminated_at timestamptz,
  deleted_at timestamptz
);
create index accepted_servers_order on accepted_servers (created_at desc, id desc);

create table host_mappings (
  host text primary key,
  cell_id text not null references cells (id)
);

create table aggregates (
  id bigint generated always as identity primary key,
  uuid uuid not null unique,
  name text not null unique,
  metadata jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz
);

create table aggregate_hosts (
  aggregate_id bigint not null references aggregates (id) on delete cascade,
  host text not null,
  primary key (aggregate_id, host)
);

-- Processes that serve the whole cloud: schedulers and the conductors of accepted requests.
create table services (
  id bigint generated always as identity primary key,
  uuid uuid not null unique default gen_random_uuid(),
  host text not null,
  binary_name text not null,
  report_count bigint not null default 0,
  disabled boolean not null default false,
  disabled_reason text,
  forced_down boolean not null default false,
  last_seen_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (host, binary_name)
);
