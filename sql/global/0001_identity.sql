-- Identity: who exists, in which project, with which role.
create table domains (
  id text primary key,
  name text not null unique,
  description text not null default '',
  enabled boolean not null default true
);
insert into domains (id, name, description) values ('default', 'Default', 'The default domain');

create table projects (
  id text primary key,
  name text not null,
  domain_id text not null references domains (id),
  parent_id text,
  description text not null default '',
  enabled boolean not null default true,
  tags text[] not null default '{}',
  -- Attributes of the client's own, shown beside ours.
  extra jsonb not null default '{}',
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
  options jsonb not null default '{}',
  extra jsonb not null default '{}',
  created_at timestamptz not null default now(),
  unique (domain_id, name)
);

create table roles (
  id text primary key,
  name text not null unique,
  description text,
  -- Roles that policy names cannot be renamed or deleted.
  immutable boolean not null default false
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

-- Keys that seal tokens. A key starts to seal a little after it was made, when every process has read it; all open.
create table token_keys (
  id text primary key,
  secret bytea not null,
  created_at timestamptz not null default now()
);

-- The clock that orders revocations and the reading of rights. Each revocation takes the next tick, and a token carries
-- the tick at which its rights were read: a revocation ends the tokens with a smaller one. Ticks have no skew between
-- machines, and since the row stays locked until commit they become visible in order.
create table revocation_clock (
  only_row boolean primary key default true check (only_row),
  tick bigint not null
);
insert into revocation_clock (tick) values (0);

-- What ended tokens before their time, kept until the last token it can end has expired by itself. The subject is an
-- audit id for a token, `<user>/<scope>/<scope id>` for a grant, else the id of the thing.
create table revocations (
  tick bigint primary key,
  kind text not null check (kind in ('token', 'user', 'grant', 'project', 'domain', 'role', 'credential')),
  subject text not null,
  -- Whose token it was, to bound how many single ones are kept for a user.
  user_id text,
  expires_at timestamptz not null
);
create index revocations_subject on revocations (subject, kind);
create index revocations_user on revocations (user_id) where kind = 'token';
create index revocations_expiry on revocations (expires_at);

-- One row once the first users and projects were made: what the operator renames or deletes is not made again.
create table identity_bootstrap (
  only_row boolean primary key default true check (only_row),
  done_at timestamptz not null default now()
);
