-- Rules for destinations: JSON arrays of what was given. The generation counts their changes.
ALTER TABLE sandboxes ADD COLUMN allow_out TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sandboxes ADD COLUMN deny_out TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sandboxes ADD COLUMN network_generation INTEGER NOT NULL DEFAULT 0;

-- Ranges that are closed to sandboxes unless the operator opens them for a workspace.
CREATE TABLE network_openings (
  workspace_id TEXT NOT NULL REFERENCES workspaces(id),
  range TEXT NOT NULL,
  PRIMARY KEY (workspace_id, range)
) STRICT, WITHOUT ROWID;
