-- Sandboxes as files on disk: memory and upper layer. A row is there before its files and goes after them.
CREATE TABLE checkpoints (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  -- Whose memory it is.
  sandbox_id TEXT NOT NULL,
  -- `writing` until its files are on the disk and its first holder is written with it.
  state TEXT NOT NULL CHECK (state IN ('writing', 'ready')),
  size_bytes INTEGER,
  created_at INTEGER NOT NULL
) STRICT;

-- Who still needs a checkpoint: a suspended sandbox, a copy under way, a snapshot. One without holders is deleted.
CREATE TABLE checkpoint_holders (
  checkpoint_id TEXT NOT NULL REFERENCES checkpoints(id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  holder_id TEXT NOT NULL,
  PRIMARY KEY (checkpoint_id, kind, holder_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX checkpoint_holders_by_holder ON checkpoint_holders (kind, holder_id);

-- Where a suspended sandbox is on disk; NULL while it is in memory.
ALTER TABLE sandboxes ADD COLUMN checkpoint_id TEXT;
ALTER TABLE sandboxes ADD COLUMN suspended_at INTEGER;

-- Lineage: which sandbox it was copied from.
ALTER TABLE sandboxes ADD COLUMN origin_sandbox_id TEXT;
CREATE INDEX sandboxes_by_origin ON sandboxes (origin_sandbox_id) WHERE origin_sandbox_id IS NOT NULL;
