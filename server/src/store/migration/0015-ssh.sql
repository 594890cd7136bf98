-- Public keys that members show over SSH. One that was registered with an api key reaches what that key reaches, and
-- ends with it; any other follows its member.
CREATE TABLE ssh_keys (
  id TEXT PRIMARY KEY,
  member_id TEXT NOT NULL REFERENCES members (id),
  api_key_id TEXT REFERENCES api_keys (id),
  name TEXT NOT NULL,
  key_type TEXT NOT NULL,
  -- SHA-256 of the public key, as OpenSSH writes it.
  fingerprint TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  UNIQUE (member_id, fingerprint)
) STRICT;
CREATE INDEX ssh_keys_by_fingerprint ON ssh_keys (fingerprint);
