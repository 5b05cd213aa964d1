-- What a host reports of itself beside its size: traits by name, and measurements by name.
alter table hosts
  add column traits jsonb not null default '[]',
  add column metrics jsonb not null default '{}';
