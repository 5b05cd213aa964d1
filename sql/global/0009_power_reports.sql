-- As in sql/cell: the two tables have the same columns.
alter table accepted_servers add column power_reported_at timestamptz;
