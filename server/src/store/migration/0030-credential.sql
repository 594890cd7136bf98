-- Keys that end by themselves. Those that are made for a login or for a service account at every sign-in (`token_of`)
-- are not listed, and end with what they were made from.
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;
ALTER TABLE api_keys ADD COLUMN token_of TEXT;
CREATE INDEX api_keys_by_origin ON api_keys (token_of, expires_at) WHERE token_of IS NOT NULL;

-- Programs that sign in for themselves: each is a member of the account with a role in one workspace. Only the SHA-256
-- of its secret is kept.
CREATE TABLE service_accounts (
  client_id TEXT PRIMARY KEY,
  secret_hash TEXT NOT NULL,
  member_id TEXT NOT NULL UNIQUE REFERENCES members (id),
  workspace_id TEXT NOT NULL REFERENCES workspaces (id),
  name TEXT NOT NULL,
  description TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (workspace_id, name)
) STRICT, WITHOUT ROWID;
