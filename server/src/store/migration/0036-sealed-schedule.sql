-- What schedules run is sealed like secrets: variables of commands often are some. `input` holds what an older server
-- wrote in clear, until this one has sealed it at its start, and is empty then.
ALTER TABLE schedules ADD COLUMN key_id TEXT;
ALTER TABLE schedules ADD COLUMN sealed BLOB;

-- Whether tokens are asked for with a key, which prolongs it: that of the login of a device.
ALTER TABLE api_keys ADD COLUMN is_refresh INTEGER NOT NULL DEFAULT 0;
UPDATE api_keys SET is_refresh = 1
  WHERE kind = 'personal' AND name = 'device login' AND token_of IS NULL AND expires_at IS NOT NULL;
