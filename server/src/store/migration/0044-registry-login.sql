-- What a workspace is known by at other registries; passwords are sealed as secrets are.
CREATE TABLE registry_logins (
  workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  -- A registry, or a part of one: `ghcr.io`, `ghcr.io/org`.
  registry TEXT NOT NULL,
  username TEXT NOT NULL,
  key_id TEXT NOT NULL,
  sealed BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, registry)
) STRICT;
CREATE INDEX registry_logins_by_key ON registry_logins (key_id);
