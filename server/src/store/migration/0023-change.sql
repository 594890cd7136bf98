-- What has changed, for who follows it: the database notes it itself, so no write can be forgotten. The last 10,000.
CREATE TABLE changes (
  id INTEGER PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('sandbox', 'snapshot', 'pool', 'build', 'image')),
  target TEXT NOT NULL
) STRICT;
CREATE INDEX changes_by_workspace ON changes (workspace_id, id);
CREATE TRIGGER changes_bounded AFTER INSERT ON changes BEGIN
  DELETE FROM changes WHERE id <= NEW.id - 10000;
END;

-- A sandbox that waits in a pool is nobody's to see.
CREATE TRIGGER sandboxes_inserted AFTER INSERT ON sandboxes WHEN NEW.warm = 0 BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (NEW.workspace_id, 'sandbox', NEW.id);
END;
CREATE TRIGGER sandboxes_updated AFTER UPDATE ON sandboxes WHEN NEW.warm = 0 BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (NEW.workspace_id, 'sandbox', NEW.id);
END;
CREATE TRIGGER sandboxes_deleted AFTER DELETE ON sandboxes WHEN OLD.warm = 0 BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (OLD.workspace_id, 'sandbox', OLD.id);
END;

CREATE TRIGGER snapshots_inserted AFTER INSERT ON snapshots BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (NEW.workspace_id, 'snapshot', NEW.id);
END;
CREATE TRIGGER snapshots_updated AFTER UPDATE ON snapshots BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (NEW.workspace_id, 'snapshot', NEW.id);
END;
CREATE TRIGGER snapshots_deleted AFTER DELETE ON snapshots BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (OLD.workspace_id, 'snapshot', OLD.id);
END;

CREATE TRIGGER sandbox_pools_inserted AFTER INSERT ON sandbox_pools BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (NEW.workspace_id, 'pool', NEW.id);
END;
CREATE TRIGGER sandbox_pools_updated AFTER UPDATE ON sandbox_pools BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (NEW.workspace_id, 'pool', NEW.id);
END;
CREATE TRIGGER sandbox_pools_deleted AFTER DELETE ON sandbox_pools BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (OLD.workspace_id, 'pool', OLD.id);
END;

CREATE TRIGGER builds_inserted AFTER INSERT ON builds BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (NEW.workspace_id, 'build', NEW.id);
END;
CREATE TRIGGER builds_updated AFTER UPDATE ON builds BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (NEW.workspace_id, 'build', NEW.id);
END;
CREATE TRIGGER builds_deleted AFTER DELETE ON builds BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (OLD.workspace_id, 'build', OLD.id);
END;

-- An image is followed by the name of its repository: tags come, move and go.
CREATE TRIGGER image_repositories_updated AFTER UPDATE ON image_repositories BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (NEW.workspace_id, 'image', NEW.name);
END;
CREATE TRIGGER image_tags_inserted AFTER INSERT ON image_tags BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (NEW.workspace_id, 'image', NEW.repository);
END;
CREATE TRIGGER image_tags_updated AFTER UPDATE ON image_tags BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (NEW.workspace_id, 'image', NEW.repository);
END;
CREATE TRIGGER image_tags_deleted AFTER DELETE ON image_tags BEGIN
  INSERT INTO changes (workspace_id, kind, target) VALUES (OLD.workspace_id, 'image', OLD.repository);
END;
