-- The first key of an account: its owner's way in, and so allowed to make personal tokens of the owner.
ALTER TABLE api_keys ADD COLUMN bootstrap INTEGER NOT NULL DEFAULT 0;
UPDATE api_keys SET bootstrap = 1 WHERE rowid IN (
  SELECT min(k.rowid) FROM api_keys k JOIN members m ON m.id = k.member_id GROUP BY m.account_id
);

-- Who began a login: logins that wait make room for those of the same address first.
ALTER TABLE logins ADD COLUMN address TEXT;
