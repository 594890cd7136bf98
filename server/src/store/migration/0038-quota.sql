-- What a workspace may use at once. NULL, or no row: what the server grants to every workspace.
CREATE TABLE quotas (
  workspace_id TEXT PRIMARY KEY REFERENCES workspaces(id) ON DELETE CASCADE,
  sandboxes INTEGER,
  cpus REAL,
  memory_mb INTEGER,
  disk_mb INTEGER,
  builds INTEGER
) STRICT;
