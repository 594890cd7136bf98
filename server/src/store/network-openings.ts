import type { Db } from './db.ts';

/** Ranges that sandboxes of a workspace may reach although they are closed to others. */
export interface NetworkOpenings {
  of(workspaceId: string): string[];
  /** Replaces them. Every sandbox of the workspace has other rules from then on, so all count a generation further. */
  put(workspaceId: string, ranges: readonly string[]): void;
}

export function createNetworkOpenings(db: Db): NetworkOpenings {
  return {
    of: (workspaceId) =>
      db
        .all<{ range: string }>(
          'SELECT range FROM network_openings WHERE workspace_id = ? ORDER BY range',
          workspaceId,
        )
        .map(({ range }) => range),
    put: (workspaceId, ranges) =>
      db.transaction(() => {
        db.run('DELETE FROM network_openings WHERE workspace_id = ?', workspaceId);
        for (const range of new Set(ranges))
          db.run('INSERT INTO network_openings (workspace_id, range) VALUES (?, ?)', workspaceId, range);
        db.run(
          `UPDATE sandboxes SET network_generation = network_generation + 1
           WHERE workspace_id = ? AND state NOT IN ('terminated', 'failed')`,
          workspaceId,
        );
      }),
  };
}
