-- What becomes of a running sandbox whose runtime dies: `restore` is from its last memory snapshot. NULL: it ends.
ALTER TABLE sandboxes ADD COLUMN on_crash TEXT CHECK (on_crash IN ('terminate', 'restore'));
