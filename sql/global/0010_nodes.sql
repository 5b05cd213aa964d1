-- Several processes may serve one cloud from state paths of their own.
-- The one that drew the first passwords: no other knows them.
alter table identity_bootstrap add column node text;

-- What signs the permission of a host to fetch an image, for every process that gives or checks one.
create table image_grant_key (
  id boolean primary key default true check (id),
  secret bytea not null
);
