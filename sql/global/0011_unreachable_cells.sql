-- What is shown of a server while its cell cannot be reached; null for servers accepted before these columns were there.
alter table server_mappings
  add column flavor jsonb,
  add column image_id uuid,
  add column availability_zone text;
