-- Projects with which a shared image is shared.
create table image_members (
  image_id uuid not null references images (id) on delete cascade,
  member_id text not null,
  status text not null default 'pending' check (status in ('pending', 'accepted', 'rejected')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (image_id, member_id)
);
create index image_members_member on image_members (member_id);
