-- How an image came to be, for who looks at it and for sandboxes that start from it.
CREATE TABLE image_definitions (
  image_id TEXT PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
  dockerfile TEXT,
  -- What its last stage begins with, as the Dockerfile says it.
  base_image TEXT,
  -- The snapshot that it was registered from.
  snapshot_id TEXT,
  -- The build that made it.
  build_id TEXT,
  -- The disk that sandboxes get which ask for none.
  disk_mb INTEGER,
  -- Key of the caller.
  created_by TEXT
) STRICT, WITHOUT ROWID;

-- Builds that a client drives from a builder sandbox: it prepares one, the sandbox hands it over, the client completes
-- it. The name is registered last. Credentials and the context are not kept.
CREATE TABLE template_builds (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  -- JSON: name, Dockerfile, base, visibility.
  request TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('prepared', 'running', 'built', 'completed', 'failed')),
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- In `builds`, once the builder sandbox has asked for it.
  build_id TEXT,
  -- What it made, before it has a name; then what has the name.
  image_id TEXT,
  disk_mb INTEGER,
  error TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX template_builds_by_workspace ON template_builds (workspace_id, created_at);
CREATE INDEX template_builds_running ON template_builds (status) WHERE status = 'running';
