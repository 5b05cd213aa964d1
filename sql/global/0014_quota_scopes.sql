-- Limits that an administrator has set for all projects: Nova's quota class `default`. Other classes are kept, and
-- bound nobody. A resource without a row has the configured default; -1 is unlimited.
create table quota_class_limits (
  class_name text not null,
  resource text not null,
  hard_limit integer not null,
  primary key (class_name, resource)
);

-- Limits of one user within what the project may have.
create table quota_user_limits (
  project_id text not null,
  user_id text not null,
  resource text not null,
  hard_limit integer not null,
  primary key (project_id, user_id, resource)
);

-- A user's share of what the project uses is counted where such a limit is set.
create index server_mappings_user on server_mappings (project_id, user_id);
