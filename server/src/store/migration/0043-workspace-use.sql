-- What each workspace uses of its quotas. The database keeps the sums itself, so that asking costs the same beside few
-- and beside many sandboxes, and no write can forget them.
CREATE TABLE workspace_use (
  workspace_id TEXT PRIMARY KEY REFERENCES workspaces(id) ON DELETE CASCADE,
  sandboxes INTEGER NOT NULL DEFAULT 0,
  -- Millionths: parts of CPUs add up to exact sums.
  micro_cpus INTEGER NOT NULL DEFAULT 0,
  memory_mb INTEGER NOT NULL DEFAULT 0,
  -- Of sandboxes, file systems and snapshots of these.
  disk_mb INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TRIGGER workspaces_have_use AFTER INSERT ON workspaces BEGIN
  INSERT INTO workspace_use (workspace_id) VALUES (NEW.id);
END;
INSERT INTO workspace_use (workspace_id) SELECT id FROM workspaces;
UPDATE workspace_use SET (sandboxes, micro_cpus, memory_mb, disk_mb) =
  (SELECT count(*), coalesce(sum(CAST(round(cpus * 1e6) AS INTEGER)), 0), coalesce(sum(memory_mb), 0), coalesce(sum(disk_mb), 0)
   FROM sandboxes WHERE sandboxes.workspace_id = workspace_use.workspace_id AND state NOT IN ('terminated', 'failed'));
UPDATE workspace_use SET disk_mb = disk_mb
  + (SELECT coalesce(sum(size_mb), 0) FROM volumes WHERE volumes.workspace_id = workspace_use.workspace_id)
  + (SELECT coalesce(sum(size_mb), 0) FROM volume_snapshots WHERE volume_snapshots.workspace_id = workspace_use.workspace_id);

CREATE TRIGGER sandboxes_used AFTER INSERT ON sandboxes WHEN NEW.state NOT IN ('terminated', 'failed') BEGIN
  UPDATE workspace_use SET sandboxes = sandboxes + 1, micro_cpus = micro_cpus + CAST(round(NEW.cpus * 1e6) AS INTEGER),
    memory_mb = memory_mb + NEW.memory_mb, disk_mb = disk_mb + NEW.disk_mb WHERE workspace_id = NEW.workspace_id;
END;
CREATE TRIGGER sandboxes_unused AFTER UPDATE OF state ON sandboxes
WHEN OLD.state NOT IN ('terminated', 'failed') AND NEW.state IN ('terminated', 'failed') BEGIN
  UPDATE workspace_use SET sandboxes = sandboxes - 1, micro_cpus = micro_cpus - CAST(round(OLD.cpus * 1e6) AS INTEGER),
    memory_mb = memory_mb - OLD.memory_mb, disk_mb = disk_mb - OLD.disk_mb WHERE workspace_id = OLD.workspace_id;
END;
CREATE TRIGGER sandboxes_forgotten AFTER DELETE ON sandboxes WHEN OLD.state NOT IN ('terminated', 'failed') BEGIN
  UPDATE workspace_use SET sandboxes = sandboxes - 1, micro_cpus = micro_cpus - CAST(round(OLD.cpus * 1e6) AS INTEGER),
    memory_mb = memory_mb - OLD.memory_mb, disk_mb = disk_mb - OLD.disk_mb WHERE workspace_id = OLD.workspace_id;
END;

CREATE TRIGGER volumes_used AFTER INSERT ON volumes BEGIN
  UPDATE workspace_use SET disk_mb = disk_mb + NEW.size_mb WHERE workspace_id = NEW.workspace_id;
END;
CREATE TRIGGER volumes_grown AFTER UPDATE OF size_mb ON volumes BEGIN
  UPDATE workspace_use SET disk_mb = disk_mb + NEW.size_mb - OLD.size_mb WHERE workspace_id = NEW.workspace_id;
END;
CREATE TRIGGER volumes_unused AFTER DELETE ON volumes BEGIN
  UPDATE workspace_use SET disk_mb = disk_mb - OLD.size_mb WHERE workspace_id = OLD.workspace_id;
END;
CREATE TRIGGER volume_snapshots_used AFTER INSERT ON volume_snapshots BEGIN
  UPDATE workspace_use SET disk_mb = disk_mb + NEW.size_mb WHERE workspace_id = NEW.workspace_id;
END;
CREATE TRIGGER volume_snapshots_unused AFTER DELETE ON volume_snapshots BEGIN
  UPDATE workspace_use SET disk_mb = disk_mb - OLD.size_mb WHERE workspace_id = OLD.workspace_id;
END;

-- The first pages of a list are found by age, without a look at the rest of the day.
CREATE INDEX sandboxes_ended_by_age ON sandboxes
  (workspace_id, created_at, id, state, operation, warm, terminated_at) WHERE terminated_at IS NOT NULL;
