-- Builds of images. What a build was given in confidence (secrets, credentials, build arguments) is not kept.
CREATE TABLE builds (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('waiting', 'queued', 'running', 'succeeded', 'failed', 'cancelled')),
  name TEXT,
  target TEXT,
  cpus REAL NOT NULL,
  memory_mb INTEGER NOT NULL,
  builder_disk_mb INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  dockerfile TEXT,
  image_id TEXT,
  -- JSON objects, once the build has ended that way.
  result TEXT,
  failure TEXT,
  -- How to open the state before the step that failed.
  debug TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX builds_by_workspace ON builds (workspace_id, created_at);
CREATE INDEX builds_unsettled ON builds (status) WHERE status IN ('waiting', 'queued', 'running');
CREATE INDEX builds_by_image ON builds (image_id) WHERE image_id IS NOT NULL;

-- What steps have made, by what they were made from. One without a layer changed nothing.
CREATE TABLE build_cache (
  workspace_id TEXT NOT NULL,
  key TEXT NOT NULL,
  diff_id TEXT,
  blob_digest TEXT REFERENCES blobs (digest),
  size_bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  used_at INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX build_cache_by_blob ON build_cache (blob_digest) WHERE blob_digest IS NOT NULL;
CREATE INDEX build_cache_by_diff_id ON build_cache (diff_id) WHERE diff_id IS NOT NULL;
CREATE INDEX build_cache_by_use ON build_cache (used_at);
