-- When a server began to count as the larger of two flavors; null again when it counts as what it is.
alter table server_mappings add column reserved_at timestamptz;
create index server_mappings_reserved on server_mappings (reserved_at) where reserved_at is not null;
