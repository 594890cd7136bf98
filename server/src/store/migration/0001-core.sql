-- Tenancy: account → workspace → keys; members have a role per workspace.
CREATE TABLE accounts (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  -- The operator's account: its owners make other accounts.
  operator INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE workspaces (
  id TEXT PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts(id),
  name TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE members (
  id TEXT PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts(id),
  name TEXT NOT NULL,
  owner INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  UNIQUE (account_id, name)
) STRICT;

CREATE TABLE memberships (
  workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  member_id TEXT NOT NULL REFERENCES members(id),
  role TEXT NOT NULL CHECK (role IN ('viewer', 'member', 'admin')),
  PRIMARY KEY (workspace_id, member_id)
) STRICT, WITHOUT ROWID;

-- Only the SHA-256 of a key is kept: keys are 206 random bits, so a slow hash adds nothing.
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  prefix TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('api', 'personal')),
  member_id TEXT NOT NULL REFERENCES members(id),
  -- The workspace of an api key; the default one of a personal token.
  workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  -- The most an api key may do; a personal token follows its member.
  role TEXT CHECK (role IN ('viewer', 'member', 'admin')),
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  revoked_at INTEGER
) STRICT;

CREATE TABLE logins (
  device_code_hash TEXT PRIMARY KEY,
  user_code TEXT NOT NULL UNIQUE,
  expires_at INTEGER NOT NULL,
  -- Set by the approval: whose token the device will get, and for which workspace.
  member_id TEXT REFERENCES members(id),
  workspace_id TEXT REFERENCES workspaces(id)
) STRICT;

CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  action TEXT NOT NULL,
  target TEXT,
  result TEXT NOT NULL,
  workspace_id TEXT,
  member_id TEXT,
  key_id TEXT,
  address TEXT
) STRICT;
CREATE INDEX audit_by_workspace ON audit (workspace_id, id);

-- Sandboxes: where each one is (state) and what is being done to it (operation) are two things.
CREATE TABLE sandboxes (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  name TEXT,
  state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'suspended', 'terminated', 'failed')),
  operation TEXT,
  -- Grows with every start of the runtime; late callbacks name the one they were decided for.
  incarnation INTEGER NOT NULL,
  -- Host resources are named after the slot; not null while anything of it may be left.
  slot_id TEXT,
  endpoint TEXT,
  image TEXT NOT NULL,
  manifest_digest TEXT NOT NULL,
  agent_digest TEXT NOT NULL,
  cpus REAL NOT NULL,
  memory_mb INTEGER NOT NULL,
  disk_mb INTEGER NOT NULL,
  timeout_secs INTEGER,
  entrypoint TEXT,
  internet INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  terminated_at INTEGER,
  outcome TEXT,
  termination_reason TEXT,
  error TEXT
) STRICT;
-- A name is free again as soon as its sandbox has ended.
CREATE UNIQUE INDEX sandbox_names ON sandboxes (workspace_id, name) WHERE state NOT IN ('terminated', 'failed');
CREATE INDEX sandboxes_by_age ON sandboxes (workspace_id, created_at, id);
CREATE INDEX sandboxes_ended ON sandboxes (workspace_id, terminated_at, id) WHERE terminated_at IS NOT NULL;
CREATE INDEX sandboxes_live ON sandboxes (state) WHERE state NOT IN ('terminated', 'failed');
CREATE INDEX sandboxes_with_slots ON sandboxes (slot_id) WHERE slot_id IS NOT NULL;
