-- The driver that a sandbox runs on: no other one finds what it left on the host.
ALTER TABLE sandboxes ADD COLUMN runtime TEXT NOT NULL DEFAULT 'gvisor';

-- What is asked twice a second, at every list and at every look for unfinished work reads no history.
CREATE INDEX sandboxes_with_timeout ON sandboxes (id) WHERE state = 'running' AND timeout_secs > 0;
CREATE INDEX sandboxes_in_operation ON sandboxes (id) WHERE operation IS NOT NULL;
CREATE INDEX sandboxes_living ON sandboxes (workspace_id, created_at, id) WHERE state NOT IN ('terminated', 'failed');
CREATE INDEX sandboxes_ended_by_name ON sandboxes (workspace_id, name, terminated_at)
  WHERE terminated_at IS NOT NULL;

-- What has grown old is found without a look at the rest.
CREATE INDEX sandboxes_by_end ON sandboxes (terminated_at) WHERE terminated_at IS NOT NULL;
CREATE INDEX audit_by_time ON audit (at);
