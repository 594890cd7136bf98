-- What sandboxes were at one time. A filesystem snapshot is an image; names of images know nothing of it.
CREATE TABLE snapshots (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  -- The sandbox that it was taken of, whose own record may be forgotten before.
  sandbox_id TEXT NOT NULL,
  sandbox_name TEXT,
  -- The snapshot that this sandbox had come from.
  origin_snapshot_id TEXT,
  kind TEXT NOT NULL CHECK (kind IN ('filesystem', 'memory')),
  status TEXT NOT NULL CHECK (status IN ('in_progress', 'local_ready', 'completed', 'failed')),
  -- Why it failed.
  error TEXT,
  base_image TEXT NOT NULL,
  base_manifest_digest TEXT NOT NULL,
  -- The base and one more layer. Absent until it is ready, and where it failed.
  manifest_digest TEXT,
  -- Memory and processes; absent for a filesystem snapshot.
  checkpoint_id TEXT,
  -- What a sandbox that starts from it has where it asks for nothing else.
  cpus REAL NOT NULL,
  memory_mb INTEGER NOT NULL,
  disk_mb INTEGER NOT NULL,
  entrypoint TEXT,
  secret_names TEXT,
  -- What it adds to its base, as it is stored; and all of its files, unpacked.
  size_bytes INTEGER,
  rootfs_disk_bytes INTEGER,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX snapshots_by_age ON snapshots (workspace_id, created_at, id);
CREATE INDEX snapshots_unsettled ON snapshots (id) WHERE status IN ('in_progress', 'local_ready');

-- The snapshot that a sandbox was started from or rolled back to last.
ALTER TABLE sandboxes ADD COLUMN origin_snapshot_id TEXT;
