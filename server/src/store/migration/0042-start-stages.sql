-- Where the time of a sandbox's creation went, as JSON: who looks at it later than its client asks here.
ALTER TABLE sandboxes ADD COLUMN start_stages TEXT;
