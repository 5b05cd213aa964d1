-- The same column as in the cells.
alter table accepted_servers add column system_metadata jsonb;
