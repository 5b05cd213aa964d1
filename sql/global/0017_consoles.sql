-- Permission to open a console of a server once. Of the token itself only its SHA-256 is kept.
create table console_tokens (
  token_hash bytea primary key,
  server_id uuid not null,
  -- where the server was: on another host the token is void
  host text not null,
  kind text not null check (kind in ('vnc', 'serial')),
  type text not null,
  expires_at timestamptz not null
);
create index console_tokens_expiry on console_tokens (expires_at);
