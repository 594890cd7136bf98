import type { AuditEntry } from '@atoll/protocol';
import type { Db } from '../store/db.ts';

export interface AuditQuery {
  limit: number;
  /** Only entries before this one. */
  before?: number | undefined;
  /** Only entries with it in their action, target, result, address or the name of the member; case does not matter. */
  text?: string | undefined;
}

/** Newest first. With `nextCursor` there may be more before it, also where this page is not full. */
export interface AuditPage {
  entries: AuditEntry[];
  nextCursor?: number;
}

interface Row {
  id: number;
  at: number;
  action: string;
  target: string | null;
  result: string;
  workspace: string;
  member_id: string | null;
  member_name: string | null;
  key_id: string | null;
  address: string | null;
}

/** A text that nothing holds is looked for in so many entries before the answer: requests wait meanwhile. */
const MAX_LOOKED_AT = 20_000;

export function readAuditPage(db: Db, workspaceId: string, query: AuditQuery): AuditPage {
  const { limit, before = Number.MAX_SAFE_INTEGER, text = '' } = query;
  const last = db.get<{ id: number }>(
    'SELECT id FROM audit WHERE workspace_id = ? AND id < ? ORDER BY id DESC LIMIT 1 OFFSET ?',
    workspaceId,
    before,
    MAX_LOOKED_AT - 1,
  );
  const rows = db.all<Row>(
    `SELECT a.*, w.name AS workspace, m.name AS member_name
     FROM audit a JOIN workspaces w ON w.id = a.workspace_id LEFT JOIN members m ON m.id = a.member_id
     WHERE a.workspace_id = ?1 AND a.id < ?2 AND a.id >= ?3 AND (?4 = '' OR instr(
       lower(a.action || char(10) || coalesce(a.target, '') || char(10) || a.result || char(10) ||
         coalesce(a.address, '') || char(10) || coalesce(m.name, '')), lower(?4)) > 0)
     ORDER BY a.id DESC LIMIT ?5`,
    workspaceId,
    before,
    last?.id ?? 0,
    text.trim(),
    limit,
  );
  const nextCursor = rows.length === limit ? rows.at(-1)?.id : last?.id;
  return { entries: rows.map(toEntry), ...(nextCursor !== undefined && { nextCursor }) };
}

function toEntry(row: Row): AuditEntry {
  return {
    id: row.id,
    at: row.at,
    action: row.action,
    result: row.result,
    workspace: row.workspace,
    ...(row.target !== null && { target: row.target }),
    ...(row.member_id !== null && { memberId: row.member_id }),
    ...(row.member_name !== null && { memberName: row.member_name }),
    ...(row.key_id !== null && { keyId: row.key_id }),
    ...(row.address !== null && { address: row.address }),
  };
}
