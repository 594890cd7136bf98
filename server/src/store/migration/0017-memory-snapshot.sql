-- The agent that runs in the memory of a snapshot: a restore needs it byte for byte. NULL for files alone.
ALTER TABLE snapshots ADD COLUMN agent_digest TEXT;
