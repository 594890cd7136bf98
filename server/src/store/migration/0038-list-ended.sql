-- Holds all that chooses and orders what a list shows of the sandboxes that ended of late, so their rows are read for
-- the page alone.
CREATE INDEX sandboxes_ended_shown ON sandboxes
  (workspace_id, terminated_at, created_at, id, state, operation, warm) WHERE terminated_at IS NOT NULL;
