-- Groups of users, and the roles that all members of one have.
create table groups (
  id text primary key,
  name text not null,
  domain_id text not null references domains (id),
  description text not null default '',
  created_at timestamptz not null default now(),
  unique (domain_id, name)
);

create table group_members (
  group_id text not null references groups (id) on delete cascade,
  user_id text not null references users (id) on delete cascade,
  primary key (group_id, user_id)
);
create index group_members_user on group_members (user_id);

create table group_role_assignments (
  group_id text not null references groups (id) on delete cascade,
  role_id text not null references roles (id) on delete cascade,
  scope text not null check (scope in ('project', 'domain', 'system')),
  scope_id text not null,
  primary key (group_id, role_id, scope, scope_id)
);
create index group_role_assignments_scope on group_role_assignments (scope, scope_id);

-- The roles a user has by himself or as a member of a group, without implied ones.
create view held_roles as
  select user_id, role_id, scope, scope_id from role_assignments
  union
  select user_id, role_id, scope, scope_id from group_role_assignments join group_members using (group_id);
