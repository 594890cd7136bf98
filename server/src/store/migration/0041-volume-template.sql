-- What another system calls a volume, and the version of a template that the volume began with (NAME:VERSION).
ALTER TABLE volumes ADD COLUMN external_id TEXT;
ALTER TABLE volumes ADD COLUMN template TEXT;
CREATE INDEX volumes_by_external_id ON volumes (workspace_id, external_id) WHERE external_id IS NOT NULL;

-- Files that volumes begin with. Each version is a snapshot, of the template instead of a volume.
CREATE TABLE volume_templates (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  name TEXT NOT NULL,
  display_name TEXT,
  description TEXT,
  labels TEXT NOT NULL,
  -- Of its versions from now on.
  size_mb INTEGER NOT NULL,
  -- How many versions were begun: they are numbered where they are given no name.
  numbered INTEGER NOT NULL DEFAULT 0,
  -- SHA-256 of the token in the upload URL, until it is used, and what the upload becomes.
  token_hash TEXT UNIQUE,
  token_version TEXT,
  token_expires_at INTEGER,
  -- Why the last upload made no version.
  error TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (workspace_id, name)
) STRICT;

ALTER TABLE volume_snapshots ADD COLUMN version TEXT;
CREATE UNIQUE INDEX volume_template_versions ON volume_snapshots (volume_id, version) WHERE version IS NOT NULL;
