-- Pools: sandboxes of one kind, of which some are kept ready to be claimed.
CREATE TABLE sandbox_pools (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  -- What each sandbox of the pool is made of; grows by one when that changes.
  template TEXT NOT NULL,
  generation INTEGER NOT NULL,
  warm_containers INTEGER NOT NULL,
  max_containers INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  -- The intent to delete it: the row goes once nothing of the pool is left.
  deleted_at INTEGER
) STRICT;
CREATE INDEX sandbox_pools_by_workspace ON sandbox_pools (workspace_id, created_at, id);

ALTER TABLE sandboxes ADD COLUMN pool_id TEXT;
ALTER TABLE sandboxes ADD COLUMN pool_generation INTEGER;
-- Made ahead of time and nobody's yet: no list shows it and no request reaches it.
ALTER TABLE sandboxes ADD COLUMN warm INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sandboxes_in_pool ON sandboxes (pool_id, created_at, id)
  WHERE pool_id IS NOT NULL AND state NOT IN ('terminated', 'failed');
CREATE INDEX sandboxes_warm_ended ON sandboxes (terminated_at) WHERE warm = 1 AND terminated_at IS NOT NULL;
