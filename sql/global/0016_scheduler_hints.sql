-- As in sql/cell, whose columns these are.
alter table accepted_servers add column scheduler_hints jsonb not null default '{}';
