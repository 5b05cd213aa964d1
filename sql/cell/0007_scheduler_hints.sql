-- What the scheduler was told when the server was asked for, in the words of the request; shown since 2.100.
alter table servers add column scheduler_hints jsonb not null default '{}';
