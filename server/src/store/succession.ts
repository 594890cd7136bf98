import type { Db } from './db.ts';

/** What belongs to a declared sandbox and not to its files: it goes over to the one that takes its place. */
export const createSuccession =
  (db: Db) =>
  (from: string, to: string): void => {
    for (const table of ['previews', 'schedules', 'schedule_executions'])
      db.run(`UPDATE ${table} SET sandbox_id = ? WHERE sandbox_id = ?`, to, from);
  };
