-- Compute hosts that make their ports' network themselves: those that have asked how it has to be. In a cloud without
-- any, nobody looks which hosts a change of the network concerns.
create table network_hosts (
  host text primary key,
  asked_at timestamptz not null default now()
);
