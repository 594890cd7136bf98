-- When a sandbox ends by itself: at a moment, or after so long without use.
ALTER TABLE sandboxes ADD COLUMN expires_at INTEGER;
ALTER TABLE sandboxes ADD COLUMN idle_limit_secs INTEGER;
CREATE INDEX sandboxes_expiring ON sandboxes (expires_at)
  WHERE expires_at IS NOT NULL AND state NOT IN ('terminated', 'failed');

CREATE INDEX sandboxes_idle_limited ON sandboxes (id)
  WHERE idle_limit_secs IS NOT NULL AND state NOT IN ('terminated', 'failed');

-- What a client declared of a sandbox beside what it runs on: names, labels, and its specification as it was given,
-- without the values of variables. JSON.
CREATE TABLE sandbox_declarations (
  sandbox_id TEXT PRIMARY KEY REFERENCES sandboxes (id) ON DELETE CASCADE,
  workspace_id TEXT NOT NULL,
  external_id TEXT,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sandbox_declarations_by_external_id ON sandbox_declarations (workspace_id, external_id)
  WHERE external_id IS NOT NULL;

-- Variables that a sandbox was given of its own, sealed as secrets are: a JSON object.
CREATE TABLE sandbox_environments (
  sandbox_id TEXT PRIMARY KEY REFERENCES sandboxes (id) ON DELETE CASCADE,
  key_id TEXT NOT NULL,
  sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
