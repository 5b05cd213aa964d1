-- What a user gives to programs instead of the password.
create table application_credentials (
  id text primary key,
  name text not null,
  description text,
  user_id text not null references users (id) on delete cascade,
  project_id text not null references projects (id) on delete cascade,
  secret_hash text not null,
  -- May make and delete further credentials.
  unrestricted boolean not null default false,
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  unique (user_id, name)
);
create index application_credentials_project on application_credentials (project_id);

-- The most a credential may do: of these roles, those that its user still has in the project.
create table application_credential_roles (
  credential_id text not null references application_credentials (id) on delete cascade,
  role_id text not null references roles (id) on delete cascade,
  primary key (credential_id, role_id)
);
create index application_credential_roles_role on application_credential_roles (role_id);

-- Keys for signing requests in the manner of EC2. Checking a signature takes the secret itself, so it cannot be hashed.
create table ec2_credentials (
  access text primary key,
  secret text not null,
  user_id text not null references users (id) on delete cascade,
  project_id text not null references projects (id) on delete cascade,
  created_at timestamptz not null default now()
);
create index ec2_credentials_user on ec2_credentials (user_id);
create index ec2_credentials_project on ec2_credentials (project_id);
