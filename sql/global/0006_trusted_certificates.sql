-- The columns of accepted_servers are those of a cell's servers.
alter table accepted_servers add column trusted_image_certificates text[];
