-- Identity: who exists, in which project, with which role.
create table domains (
  id text primary key,
  name text not null unique,
  description text not null default '',
  enabled boolean not null default true
);
insert into domains (id, name) values ('default', 'Default');

create table projects (
  id text primary key,
  name text not null,
  domain_id text not null references domains (id),
  parent_id text,
  description text not null default '',
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  unique (domain_id, name)
);

create table users (
  id text primary key,
  name text not null,
  domain_id text not null references domains (id),
  password_hash text,
  email text,
  description text not null default '',
  default_project_id text,
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  unique (domain_id, name)
);

create table roles (
  id text primary key,
  name text not null unique,
  description text not null default ''
);

-- Having `role_id` means having `implied_role_id` too.
create table role_implications (
  role_id text not null references roles (id) on delete cascade,
  implied_role_id text not null references roles (id) on delete cascade,
  primary key (role_id, implied_role_id)
);

-- A role on a project, a domain or the whole system.
create table role_assignments (
  user_id text not null references users (id) on delete cascade,
  role_id text not null references roles (id) on delete cascade,
  scope text not null check (scope in ('project', 'domain', 'system')),
  scope_id text not null,
  primary key (user_id, role_id, scope, scope_id)
);
create index role_assignments_scope on role_assignments (scope, scope_id);

-- Keys that sign tokens. The newest signs; all verify until they expire.
create table token_keys (
  id text primary key,
  secret bytea not null,
  created_at timestamptz not null default now()
);

-- Tokens ended before their time, kept until they would have expired by themselves.
create table revoked_tokens (
  audit_id text primary key,
  expires_at timestamptz not null
);
