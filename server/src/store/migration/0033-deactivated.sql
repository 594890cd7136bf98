-- Since when its owner has it deactivated: it stands still, and no request wakes it. NULL: it may wake.
ALTER TABLE sandboxes ADD COLUMN deactivated_at INTEGER;
