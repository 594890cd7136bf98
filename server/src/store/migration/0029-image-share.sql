-- Images that another workspace may use under the same name. The name belongs to the share while it lasts, so a
-- workspace has each name from one source at most.
CREATE TABLE image_shares (
  target_workspace_id TEXT NOT NULL REFERENCES workspaces (id),
  repository TEXT NOT NULL,
  source_workspace_id TEXT NOT NULL REFERENCES workspaces (id),
  shared_by TEXT NOT NULL REFERENCES members (id),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (target_workspace_id, repository)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_shares_by_source ON image_shares (source_workspace_id, repository);

-- Offered to a workspace of another account, whose admins have not answered yet.
CREATE TABLE pending_image_shares (
  id TEXT PRIMARY KEY,
  source_workspace_id TEXT NOT NULL REFERENCES workspaces (id),
  repository TEXT NOT NULL,
  target_workspace_id TEXT NOT NULL REFERENCES workspaces (id),
  shared_by TEXT NOT NULL REFERENCES members (id),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  UNIQUE (source_workspace_id, repository, target_workspace_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_image_shares_by_target ON pending_image_shares (target_workspace_id);

-- Who uses a shared image follows it as its own.
CREATE TRIGGER image_shares_inserted AFTER INSERT ON image_shares BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (NEW.target_workspace_id, 'image', NEW.repository);
END;
CREATE TRIGGER image_shares_deleted AFTER DELETE ON image_shares BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (OLD.target_workspace_id, 'image', OLD.repository);
END;
CREATE TRIGGER shared_tags_inserted AFTER INSERT ON image_tags BEGIN
  INSERT INTO changes (workspace_id, kind, target) SELECT target_workspace_id, 'image', repository FROM image_shares
    WHERE source_workspace_id = NEW.workspace_id AND repository = NEW.repository;
END;
CREATE TRIGGER shared_tags_updated AFTER UPDATE ON image_tags BEGIN
  INSERT INTO changes (workspace_id, kind, target) SELECT target_workspace_id, 'image', repository FROM image_shares
    WHERE source_workspace_id = NEW.workspace_id AND repository = NEW.repository;
END;
