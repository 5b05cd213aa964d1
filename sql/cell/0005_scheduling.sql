-- Builds that failed on the host since the last one that did not: such a host weighs less.
alter table hosts add column failed_builds integer not null default 0 check (failed_builds >= 0);

-- Servers that keep their host's disk busy, counted when a scheduler reads hosts.
create index servers_busy on servers (host, node) where deleted_at is null
  and (vm_state = 'building'
    or task_state in ('resize_prep', 'resize_migrating', 'rebuilding', 'image_snapshot', 'image_backup'));
