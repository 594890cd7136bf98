-- Ports of sandboxes that are reached by a URL of their own, in public or with a token. Tokens are not kept: they are
-- derived from the server's key.
CREATE TABLE previews (
  -- Part of the URL; the same again for the same name of the same sandbox.
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  sandbox_id TEXT NOT NULL REFERENCES sandboxes (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  port INTEGER NOT NULL,
  is_public INTEGER NOT NULL,
  prefix TEXT,
  expires_at INTEGER,
  -- JSON: headers of requests and answers, and what the client wrote.
  settings TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  UNIQUE (sandbox_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE preview_tokens (
  preview_id TEXT NOT NULL REFERENCES previews (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  -- Makes another token of the same name another one.
  nonce TEXT NOT NULL,
  expires_at INTEGER,
  PRIMARY KEY (preview_id, name)
) STRICT, WITHOUT ROWID;

-- What sandboxes are told to do at certain times.
CREATE TABLE schedules (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  sandbox_id TEXT NOT NULL REFERENCES sandboxes (id) ON DELETE CASCADE,
  type TEXT NOT NULL CHECK (type IN ('cron', 'at')),
  -- An expression of cron, or a moment in ISO 8601.
  value TEXT NOT NULL,
  -- JSON: the command and how it runs.
  input TEXT NOT NULL,
  max_executions INTEGER,
  executions INTEGER NOT NULL DEFAULT 0,
  -- When it is due; absent when it is done.
  next_at INTEGER,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_by_sandbox ON schedules (sandbox_id);

CREATE TABLE schedule_executions (
  id TEXT PRIMARY KEY,
  schedule_id TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  sandbox_id TEXT NOT NULL REFERENCES sandboxes (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  executed_at INTEGER,
  status_code INTEGER,
  process_name TEXT,
  timeout_secs INTEGER,
  error TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_executions_by_sandbox ON schedule_executions (sandbox_id, created_at);
