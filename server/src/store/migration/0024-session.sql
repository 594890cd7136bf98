-- What a browser holds instead of a key: it ends with the key that it was opened with. Only the SHA-256 is kept.
CREATE TABLE sessions (
  hash TEXT PRIMARY KEY,
  key_id TEXT NOT NULL REFERENCES api_keys (id),
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
