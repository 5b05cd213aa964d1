-- The group that a server is in: which hosts its members share is decided by their claims, under a lock of the group.
alter table servers add column group_id uuid;
create index servers_group on servers (group_id) where group_id is not null and deleted_at is null;
