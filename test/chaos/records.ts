import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';

/** What the server has written down about a sandbox. */
export interface StoredSandbox {
  id: string;
  name: string | null;
  state: string;
  operation: string | null;
  slotId: string | null;
}

/** Reads the records of a server from its database, beside it. */
export function readRecords(dataDir: string): StoredSandbox[] {
  const database = new DatabaseSync(join(dataDir, 'atoll.db'), { readOnly: true });
  try {
    const sql = 'SELECT id, name, state, operation, slot_id AS slotId FROM sandboxes ORDER BY created_at, id';
    return database.prepare(sql).all() as unknown as StoredSandbox[]; // the columns of this query
  } finally {
    database.close();
  }
}
