-- The group that a server is in, from its request to its end. The copy on the server's own row is for its cell. No
-- foreign key: a group that is deleted while a server of it is accepted binds nobody any more.
alter table server_mappings add column group_id uuid;
create index server_mappings_group on server_mappings (group_id, created_at) where group_id is not null;
alter table accepted_servers add column group_id uuid;
