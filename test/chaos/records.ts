import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';

/** What the server has written down about a sandbox. */
export interface StoredSandbox {
  id: string;
  name: string | null;
  state: string;
  operation: string | null;
  incarnation: number;
  slotId: string | null;
  checkpointId: string | null;
}

/** Reads the records of a server from its database, beside it. */
export function readRecords(dataDir: string): StoredSandbox[] {
  return query<StoredSandbox>(
    dataDir,
    `SELECT id, name, state, operation, incarnation, slot_id AS slotId, checkpoint_id AS checkpointId
     FROM sandboxes ORDER BY created_at, id`,
  );
}

/** The checkpoints that the server knows, and whether somebody still needs each. */
export const readCheckpoints = (dataDir: string): { id: string; isHeld: 0 | 1 }[] =>
  query(
    dataDir,
    `SELECT id, EXISTS (SELECT 1 FROM checkpoint_holders WHERE checkpoint_id = id) AS isHeld FROM checkpoints`,
  );

function query<Row>(dataDir: string, sql: string): Row[] {
  const database = new DatabaseSync(join(dataDir, 'atoll.db'), { readOnly: true });
  try {
    return database.prepare(sql).all() as unknown as Row[]; // the columns of the query
  } finally {
    database.close();
  }
}
