-- Networks, and the addresses that ports hold in them.
create table networks (
  id uuid primary key,
  name text not null default '',
  description text not null default '',
  project_id text not null,
  admin_state_up boolean not null default true,
  shared boolean not null default false,
  external boolean not null default false,
  mtu integer not null default 1500,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  revision integer not null default 0
);
create index networks_project on networks (project_id);

create table subnets (
  id uuid primary key,
  network_id uuid not null references networks (id) on delete cascade,
  name text not null default '',
  description text not null default '',
  project_id text not null,
  cidr cidr not null,
  gateway_ip inet,
  enable_dhcp boolean not null default true,
  dns_nameservers text[] not null default '{}',
  host_routes jsonb not null default '[]',
  -- [{start, end}], inclusive
  allocation_pools jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  revision integer not null default 0
);
create index subnets_network on subnets (network_id);

create table security_groups (
  id uuid primary key,
  name text not null,
  description text not null default '',
  project_id text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  revision integer not null default 0
);
create unique index security_groups_default on security_groups (project_id) where name = 'default';
create index security_groups_project on security_groups (project_id);

create table security_group_rules (
  id uuid primary key,
  security_group_id uuid not null references security_groups (id) on delete cascade,
  project_id text not null,
  direction text not null check (direction in ('ingress', 'egress')),
  ethertype text not null check (ethertype in ('IPv4', 'IPv6')),
  protocol text,
  port_range_min integer,
  port_range_max integer,
  remote_ip_prefix cidr,
  remote_group_id uuid references security_groups (id),
  description text not null default '',
  created_at timestamptz not null default now()
);
create index security_group_rules_group on security_group_rules (security_group_id);

create table ports (
  id uuid primary key,
  network_id uuid not null references networks (id),
  name text not null default '',
  description text not null default '',
  project_id text not null,
  mac_address macaddr not null,
  admin_state_up boolean not null default true,
  status text not null default 'DOWN',
  device_id text not null default '',
  device_owner text not null default '',
  binding_host text not null default '',
  -- made by compute for a server, and so removed with it
  made_by_compute boolean not null default false,
  -- which of the server's requested networks it answers: asked for again, the same port is found
  request_index integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  revision integer not null default 0,
  unique (network_id, mac_address)
);
create unique index ports_device on ports (device_id, request_index) where device_id <> '';
create index ports_project on ports (project_id);

create table port_security_groups (
  port_id uuid not null references ports (id) on delete cascade,
  security_group_id uuid not null references security_groups (id),
  primary key (port_id, security_group_id)
);
create index port_security_groups_group on port_security_groups (security_group_id);

-- One row an address: the primary key is what keeps two ports from holding the same.
create table ip_allocations (
  subnet_id uuid not null references subnets (id),
  -- an inet with a shorter mask would differ from the same address without
  ip_address inet not null check (ip_address = host(ip_address)::inet),
  port_id uuid not null references ports (id) on delete cascade,
  primary key (subnet_id, ip_address)
);
create index ip_allocations_port on ip_allocations (port_id);

-- The lowest free address of a subnet from `low` to `high`, or null. Walks up from `low` through taken addresses to the
-- first gap: from a random place in a pool that is a step or two, unless the pool is close to full.
create function lowest_free_address(of_subnet uuid, low inet, high inet) returns inet
language plpgsql stable as $$
declare
  candidate inet := low;
  taken inet;
begin
  for taken in
    select ip_address from ip_allocations
    where subnet_id = of_subnet and ip_address between low and high
    order by ip_address
  loop
    exit when taken > candidate;
    if candidate = high then return null; end if;
    candidate := taken + 1;
  end loop;
  return case when candidate <= high then candidate end;
end
$$;

-- One row once the first network was made: deleted by the operator, it is not made again.
create table network_bootstrap (
  id boolean primary key default true check (id),
  done_at timestamptz not null default now()
);
