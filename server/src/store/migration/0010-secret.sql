-- Values are sealed with a key that is not in this database; `key_id` says with which one.
CREATE TABLE secrets (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  name TEXT NOT NULL,
  key_id TEXT NOT NULL,
  sealed BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (workspace_id, name)
) STRICT;
CREATE INDEX secrets_by_key ON secrets (key_id);

-- Names alone: what they stand for is read when the sandbox starts.
ALTER TABLE sandboxes ADD COLUMN secret_names TEXT;
