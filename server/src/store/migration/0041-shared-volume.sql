-- A shared volume is written by any number of sandboxes at once; every other one has one writer, or readers.
ALTER TABLE volumes ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
ALTER TABLE volume_attachments ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
DROP INDEX volume_writers;
CREATE UNIQUE INDEX volume_writers ON volume_attachments (volume_id) WHERE read_only = 0 AND shared = 0;
