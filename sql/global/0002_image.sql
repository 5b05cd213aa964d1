-- Images: metadata here, bytes in files below the state path.
create table images (
  id uuid primary key,
  name text,
  status text not null default 'queued'
    check (status in ('queued', 'saving', 'active', 'killed', 'deactivated')),
  visibility text not null default 'shared'
    check (visibility in ('public', 'private', 'shared', 'community')),
  protected boolean not null default false,
  hidden boolean not null default false,
  owner text not null,
  disk_format text,
  container_format text,
  size_bytes bigint,
  virtual_size_bytes bigint,
  min_disk_gb integer not null default 0,
  min_ram_mb integer not null default 0,
  md5 text,
  sha512 text,
  tags text[] not null default '{}',
  properties jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index images_order on images (created_at desc, id desc);
create index images_owner on images (owner);
create index images_name on images (name);
