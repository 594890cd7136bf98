-- What a client declared under a name and whose image is built first: of what it uploads, or of an image of another
-- registry. Of each kind the last one of a name is kept, for its status and its log.
CREATE TABLE deployments (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  -- What there will be in the end: a sandbox on the image, or the image alone.
  kind TEXT NOT NULL CHECK (kind IN ('sandbox', 'image')),
  name TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('uploading', 'building', 'deploying', 'deployed', 'failed', 'removed')),
  build_id TEXT NOT NULL,
  -- What was declared of the sandbox, without the values of variables. JSON.
  declaration TEXT,
  -- SHA-256 of the token in the upload URL, until it is used.
  token_hash TEXT UNIQUE,
  error TEXT,
  -- Whether a client has been told that it is under way: until then it would take the end for that of an earlier one.
  is_seen INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (workspace_id, kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX deployments_unsettled ON deployments (status) WHERE status IN ('uploading', 'building', 'deploying');
