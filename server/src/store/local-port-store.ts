import type { Db } from './db.ts';

export type LocalPortStore = ReturnType<typeof createLocalPortStore>;

/** Which port of this machine stands for which exposed port. */
export function createLocalPortStore(db: Db) {
  return {
    find: (sandboxId: string, port: number): number | undefined =>
      db.get<{ local_port: number }>(
        'SELECT local_port FROM local_ports WHERE sandbox_id = ? AND port = ?',
        sandboxId,
        port,
      )?.local_port,
    put: (sandboxId: string, port: number, localPort: number): void =>
      void db.run(
        'INSERT OR REPLACE INTO local_ports (sandbox_id, port, local_port) VALUES (?, ?, ?)',
        sandboxId,
        port,
        localPort,
      ),
    remove: (sandboxId: string, port: number): void =>
      void db.run('DELETE FROM local_ports WHERE sandbox_id = ? AND port = ?', sandboxId, port),
    /** Forgets those of sandboxes that have ended while nobody looked. */
    keepOnly: (sandboxIds: readonly string[]): void =>
      void db.run(
        'DELETE FROM local_ports WHERE sandbox_id NOT IN (SELECT value FROM json_each(?))',
        JSON.stringify(sandboxIds),
      ),
  };
}
