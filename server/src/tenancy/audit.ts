import type { AuditEntry } from '@atoll/protocol';
import type { Clock } from '../lib/clock.ts';
import type { Db } from '../store/db.ts';
import type { Caller } from './caller.ts';

export interface AuditEvent {
  action: string;
  target?: string;
  /** `ok`, or the code of the error. */
  result: string;
  /** Absent for what nobody has authenticated for. */
  caller?: Caller;
  address?: string;
}

const FLUSH_AFTER_MS = 200;

export type Audit = ReturnType<typeof createAudit>;

/** The record of every change. Entries are written in batches: a commit each would be felt on every request. */
export function createAudit({ db, clock }: { db: Db; clock: Clock }) {
  let waiting: [AuditEvent, number][] = [];
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return;
    db.transaction(() => batch.forEach(([event, at]) => write(db, event, at)));
  };

  return {
    record: (event: AuditEvent): void => {
      waiting.push([event, clock.now()]);
      timer ??= setTimeout(flush, FLUSH_AFTER_MS).unref();
    },
    flush,
    list: (caller: Caller, limit: number, before = Number.MAX_SAFE_INTEGER): AuditEntry[] => {
      flush();
      return db
        .all<AuditRow>(
          `SELECT a.*, w.name AS workspace FROM audit a JOIN workspaces w ON w.id = a.workspace_id
         WHERE a.workspace_id = ? AND a.id < ? ORDER BY a.id DESC LIMIT ?`,
          caller.workspace.id,
          before,
          limit,
        )
        .map(toEntry);
    },
  };
}

interface AuditRow {
  id: number;
  at: number;
  action: string;
  target: string | null;
  result: string;
  workspace: string;
  member_id: string | null;
  key_id: string | null;
  address: string | null;
}

function write(db: Db, event: AuditEvent, at: number): void {
  db.run(
    'INSERT INTO audit (at, action, target, result, workspace_id, member_id, key_id, address) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    at,
    event.action,
    event.target ?? null,
    event.result,
    event.caller?.workspace.id ?? null,
    event.caller?.member.id ?? null,
    event.caller?.keyId ?? null,
    event.address ?? null,
  );
}

function toEntry(row: AuditRow): AuditEntry {
  return {
    id: row.id,
    at: row.at,
    action: row.action,
    result: row.result,
    workspace: row.workspace,
    ...(row.target !== null && { target: row.target }),
    ...(row.member_id !== null && { memberId: row.member_id }),
    ...(row.key_id !== null && { keyId: row.key_id }),
    ...(row.address !== null && { address: row.address }),
  };
}
