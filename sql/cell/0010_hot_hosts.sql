-- Every claim writes its host's row. No index stands on what it changes, and pages keep room for the next version of a
-- row, so that such a write touches one page and no index. Readers of changes also look at heartbeats, of all hosts.
drop index hosts_changed;
alter table hosts set (fillfactor = 50);
