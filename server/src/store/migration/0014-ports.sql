-- Ports of a sandbox that the gateway passes requests to: a JSON array in rising order.
ALTER TABLE sandboxes ADD COLUMN exposed_ports TEXT NOT NULL DEFAULT '[]';
-- Whether they need no key when the sandbox is named by its id.
ALTER TABLE sandboxes ADD COLUMN allow_unauthenticated INTEGER NOT NULL DEFAULT 0;

-- Where this machine itself reaches an exposed port, on the loopback: kept, so that a URL stays what it was.
CREATE TABLE local_ports (
  sandbox_id TEXT NOT NULL,
  port INTEGER NOT NULL,
  local_port INTEGER NOT NULL,
  PRIMARY KEY (sandbox_id, port)
) STRICT, WITHOUT ROWID;
