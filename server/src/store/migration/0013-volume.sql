-- Volumes: file systems that outlive sandboxes. Each is an image file named after the id.
CREATE TABLE volumes (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  name TEXT NOT NULL,
  description TEXT,
  labels TEXT NOT NULL,
  size_mb INTEGER NOT NULL,
  -- 'creating' is an intent: nobody carries it on after a restart.
  status TEXT NOT NULL,
  origin_snapshot_id TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (workspace_id, name)
) STRICT;

-- Copies of volumes as they were; they outlive the volume.
CREATE TABLE volume_snapshots (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  volume_id TEXT NOT NULL,
  volume_name TEXT NOT NULL,
  description TEXT,
  size_mb INTEGER NOT NULL,
  status TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX volume_snapshots_by_workspace ON volume_snapshots (workspace_id, created_at, id);

-- Which sandbox has which volume, from its create to its end, also while it sleeps.
CREATE TABLE volume_attachments (
  sandbox_id TEXT NOT NULL,
  mount_path TEXT NOT NULL,
  volume_id TEXT NOT NULL REFERENCES volumes(id),
  -- The volume as it was then, instead of as it is.
  snapshot_id TEXT REFERENCES volume_snapshots(id),
  read_only INTEGER NOT NULL,
  PRIMARY KEY (sandbox_id, mount_path)
) STRICT;
CREATE UNIQUE INDEX volume_writers ON volume_attachments (volume_id) WHERE read_only = 0;
CREATE INDEX volume_attachments_by_volume ON volume_attachments (volume_id);
CREATE INDEX volume_attachments_by_snapshot ON volume_attachments (snapshot_id) WHERE snapshot_id IS NOT NULL;

-- What a sandbox mounts, as JSON; stays readable when it has ended.
ALTER TABLE sandboxes ADD COLUMN volumes TEXT;
