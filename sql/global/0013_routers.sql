-- Routers between networks, floating addresses, and what else a compute host has to know of a port.
alter table networks
  add column port_security_enabled boolean not null default true,
  add column tags text[] not null default '{}';
alter table subnets add column tags text[] not null default '{}';
alter table security_groups add column tags text[] not null default '{}';

alter table ports
  -- without it, neither rules nor the check of source addresses apply
  add column port_security_enabled boolean not null default true,
  -- [{ip_address, mac_address}]: what the port may send from beside its own addresses
  add column allowed_address_pairs jsonb not null default '[]',
  -- [{opt_name, opt_value, ip_version}]
  add column extra_dhcp_opts jsonb not null default '[]',
  add column tags text[] not null default '{}';
create index ports_binding_host on ports (binding_host) where binding_host <> '';

-- A router's interfaces are ports with its id as their device and `network:router_interface` as their owner; its
-- gateway is one with `network:router_gateway`.
create table routers (
  id uuid primary key,
  name text not null default '',
  description text not null default '',
  project_id text not null,
  admin_state_up boolean not null default true,
  enable_snat boolean not null default true,
  -- [{destination, nexthop}]
  routes jsonb not null default '[]',
  tags text[] not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  revision integer not null default 0
);
create index routers_project on routers (project_id);

-- A floating address is held by a port of its own, so that no other port gets it.
create table floating_ips (
  id uuid primary key,
  description text not null default '',
  project_id text not null,
  floating_network_id uuid not null references networks (id),
  holder_port_id uuid not null unique references ports (id),
  tags text[] not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  revision integer not null default 0
);
create index floating_ips_project on floating_ips (project_id);

-- Which fixed address a floating one leads to. It goes with that address, whatever takes it from its port.
create table floating_ip_targets (
  floating_ip_id uuid primary key references floating_ips (id) on delete cascade,
  subnet_id uuid not null,
  ip_address inet not null,
  router_id uuid not null references routers (id),
  -- one floating address for each fixed one
  unique (subnet_id, ip_address),
  foreign key (subnet_id, ip_address) references ip_allocations (subnet_id, ip_address) on delete cascade
);
create index floating_ip_targets_router on floating_ip_targets (router_id);
