-- An index for each order that a list of servers may have: by its key, null lowest, then by age, then by id. A list reads
-- it forwards or backwards. The page of a project is read from its own, or from that of the key where the project has
-- much of what there is. Text sorts by code point in every database, whatever its own collation is.
alter table servers
  alter column project_id type text collate "C",
  alter column user_id type text collate "C",
  alter column name type text collate "C",
  alter column description type text collate "C",
  alter column hostname type text collate "C",
  alter column vm_state type text collate "C",
  alter column task_state type text collate "C",
  alter column flavor_id type text collate "C",
  alter column key_name type text collate "C",
  alter column availability_zone type text collate "C",
  alter column host type text collate "C",
  alter column node type text collate "C",
  alter column access_ip_v4 type text collate "C",
  alter column access_ip_v6 type text collate "C",
  alter column root_device_name type text collate "C",
  alter column locked_by type text collate "C";

drop index servers_project_order, servers_order, servers_host;
create index servers_by_age on servers (created_at, id) where deleted_at is null;
create index servers_by_access_ip_v4 on servers (access_ip_v4 nulls first, created_at, id) where deleted_at is null;
create index servers_by_access_ip_v6 on servers (access_ip_v6 nulls first, created_at, id) where deleted_at is null;
create index servers_by_auto_disk_config on servers (auto_disk_config, created_at, id) where deleted_at is null;
create index servers_by_availability_zone on servers (availability_zone nulls first, created_at, id) where deleted_at is null;
create index servers_by_config_drive on servers (config_drive, created_at, id) where deleted_at is null;
create index servers_by_description on servers (description nulls first, created_at, id) where deleted_at is null;
create index servers_by_flavor on servers (flavor_id, created_at, id) where deleted_at is null;
create index servers_by_host on servers (host nulls first, created_at, id) where deleted_at is null;
create index servers_by_hostname on servers (hostname, created_at, id) where deleted_at is null;
create index servers_by_image on servers (image_id nulls first, created_at, id) where deleted_at is null;
create index servers_by_key_name on servers (key_name nulls first, created_at, id) where deleted_at is null;
create index servers_by_launch_index on servers (launch_index, created_at, id) where deleted_at is null;
create index servers_by_launched_at on servers (launched_at nulls first, created_at, id) where deleted_at is null;
create index servers_by_locked_by on servers (locked_by nulls first, created_at, id) where deleted_at is null;
create index servers_by_name on servers (name, created_at, id) where deleted_at is null;
create index servers_by_node on servers (node nulls first, created_at, id) where deleted_at is null;
create index servers_by_power_state on servers (power_state, created_at, id) where deleted_at is null;
create index servers_by_progress on servers (progress, created_at, id) where deleted_at is null;
create index servers_by_project on servers (project_id, created_at, id) where deleted_at is null;
create index servers_by_root_device_name on servers (root_device_name nulls first, created_at, id) where deleted_at is null;
create index servers_by_task_state on servers (task_state nulls first, created_at, id) where deleted_at is null;
create index servers_by_user on servers (user_id, created_at, id) where deleted_at is null;
create index servers_by_vm_state on servers (vm_state, created_at, id) where deleted_at is null;
