-- One cell: its hosts, what they have and who claims it, and its servers.
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

-- A compute node: inventory as its agent reports it, and the sum of claims on it.
create table hosts (
  id bigint generated always as identity primary key,
  uuid uuid not null unique,
  host text not null,
  node text not null,
  host_ip text not null,
  hypervisor_type text not null,
  hypervisor_version integer not null,
  cpu_info jsonb not null default '{}',
  supported_instances jsonb not null default '[]',
  vcpus integer not null,
  memory_mb integer not null,
  local_gb integer not null,
  reserved_vcpus integer not null default 0,
  reserved_memory_mb integer not null default 0,
  reserved_disk_gb integer not null default 0,
  cpu_allocation_ratio double precision not null default 1.0,
  ram_allocation_ratio double precision not null default 1.0,
  disk_allocation_ratio double precision not null default 1.0,
  -- capacity = floor((total - reserved) x ratio): what the sum of claims may not pass
  vcpus_capacity integer not null generated always as
    (floor(greatest(vcpus - reserved_vcpus, 0) * cpu_allocation_ratio)::integer) stored,
  memory_mb_capacity integer not null generated always as
    (floor(greatest(memory_mb - reserved_memory_mb, 0) * ram_allocation_ratio)::integer) stored,
  disk_gb_capacity integer not null generated always as
    (floor(greatest(local_gb - reserved_disk_gb, 0) * disk_allocation_ratio)::integer) stored,
  vcpus_used integer not null default 0 check (vcpus_used >= 0),
  memory_mb_used integer not null default 0 check (memory_mb_used >= 0),
  disk_gb_used integer not null default 0 check (disk_gb_used >= 0),
  running_vms integer not null default 0 check (running_vms >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- the transaction that wrote the row last: schedulers read what is newer than what they have
  changed_in xid8 not null default pg_current_xact_id(),
  unique (host, node)
);
create index hosts_changed on hosts (changed_in);

create table servers (
  id uuid primary key,
  -- for instance_name_template
  number bigint generated always as identity,
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
create index servers_project_order on servers (project_id, created_at desc, id desc) where deleted_at is null;
create index servers_order on servers (created_at desc, id desc) where deleted_at is null;
create index servers_host on servers (host) where deleted_at is null;
create index servers_changed on servers (updated_at);

-- What a server holds of a host. Made, moved and dropped only together with the host's sums.
create table claims (
  server_id uuid not null references servers (id),
  host_id bigint not null references hosts (id),
  vcpus integer not null,
  memory_mb integer not null,
  disk_gb integer not null,
  created_at timestamptz not null default now(),
  primary key (server_id, host_id)
);
create index claims_host on claims (host_id);

create table instance_actions (
  id bigint generated always as identity primary key,
  server_id uuid not null references servers (id),
  action text not null,
  request_id text not null,
  user_id text not null,
  project_id text not null,
  start_time timestamptz not null,
  updated_at timestamptz not null default now(),
  message text
);
create index instance_actions_server on instance_actions (server_id, start_time desc);
create index instance_actions_request on instance_actions (server_id, request_id);

create table instance_action_events (
  id bigint generated always as identity primary key,
  action_id bigint not null references instance_actions (id) on delete cascade,
  event text not null,
  host text,
  start_time timestamptz not null,
  finish_time timestamptz,
  result text,
  details text
);
create index instance_action_events_action on instance_action_events (action_id);
