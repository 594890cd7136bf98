import type { Db } from './db.ts';
import type { ListPage } from './list-page.ts';
import { toRecord } from './sandbox-row.ts';
import type { SandboxRow } from './sandbox-row.ts';
import { states } from './sandbox-state.ts';
import type { SandboxRecord } from './sandbox-store.ts';

/** In the order of a list: newest first. */
const order = 'ORDER BY created_at DESC, id DESC LIMIT ?7';
const shown = `CASE WHEN operation = 'suspend' THEN 'suspending'
  WHEN operation = 'snapshot' AND state = 'running' THEN 'snapshotting' ELSE 'none' END`;
const asked = `workspace_id = ?1 AND warm = 0 AND (created_at, id) < (?2, ?3)
  AND state IN (SELECT value FROM json_each(?4)) AND ${shown} = ifnull(?5, ${shown})`;
const living = `SELECT created_at, id FROM sandboxes INDEXED BY sandboxes_living
  WHERE state NOT IN ('terminated', 'failed') AND ${asked} AND`;

/**
 * Each part by the index that holds no more than its sandboxes: by age alone, a list would read the whole history of
 * its workspace. Rows are read last, for the page alone.
 */
const pageOf = (...parts: string[]): string =>
  `SELECT sandboxes.* FROM (${parts.map((part) => `SELECT * FROM (${part} ${order})`).join(' UNION ALL ')} ${order}) AS page
     JOIN sandboxes USING (id) ORDER BY page.created_at DESC, page.id DESC`;

/** What was made since then and has ended, has ended since then: the newest of them are found without the others. */
const newer = pageOf(
  `${living} created_at > ?6`,
  `SELECT created_at, id FROM sandboxes INDEXED BY sandboxes_ended_by_age
     WHERE terminated_at IS NOT NULL AND ${asked} AND created_at > ?6`,
);
/** What was made before that and has ended since: all that ended since then is looked through. */
const older = pageOf(
  `${living} created_at <= ?6`,
  `SELECT created_at, id FROM sandboxes INDEXED BY sandboxes_ended_shown
     WHERE terminated_at > ?6 AND ${asked} AND created_at <= ?6`,
);

/** Living sandboxes, and those that ended after `endedSince`; newest first. */
export function listSandboxes(
  db: Db,
  workspaceId: string,
  endedSince: number,
  { filter, limit = -1, after = { at: Number.MAX_SAFE_INTEGER, id: '' } }: ListPage,
): SandboxRecord[] {
  const wanted = JSON.stringify(filter?.states ?? states);
  const during = filter === undefined ? null : (filter.during ?? 'none');
  const read = (sql: string, most: number): SandboxRow[] =>
    db.all<SandboxRow>(sql, workspaceId, after.at, after.id, wanted, during, endedSince, most);
  const rows = read(newer, limit);
  if (limit >= 0 && rows.length >= limit) return rows.map(toRecord);
  return [...rows, ...read(older, limit < 0 ? limit : limit - rows.length)].map(toRecord);
}
