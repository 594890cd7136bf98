import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Db } from '../store/db.ts';
import { readAuditPage } from './audit-page.ts';
import type { AuditPage, AuditQuery } from './audit-page.ts';
import type { Caller } from './caller.ts';

/** Who made a change, and in which workspace. */
export interface AuditActor {
  workspace: { id: string };
  /** Absent for what the server did by itself. */
  member?: { id: string };
  keyId?: string;
}

export interface AuditEvent {
  action: string;
  target?: string;
  /** `ok`, or the code of the error. */
  result: string;
  /** Absent where nobody has authenticated: that is counted in the metrics alone. */
  caller?: AuditActor;
  address?: string;
}

const FLUSH_AFTER_MS = 200;
/** While the disk is full, entries wait; more than these would fill the memory as well. */
const MAX_WAITING = 10_000;
const MAX_RETRY_MS = 30_000;
const KEEP_FOR_MS = 90 * 24 * 3_600_000;
const PRUNE_EVERY_MS = 3_600_000;
/** A part at a time: requests wait while the database writes. */
const PRUNE_ENTRIES = 10_000;

export type Audit = ReturnType<typeof createAudit>;

/**
 * The record of every change, kept for 90 days. Entries are written in batches: a commit each would be felt on every
 * request.
 */
export function createAudit({ db, clock, log }: { db: Db; clock: Clock; log?: Log }) {
  let waiting: [AuditEvent, number][] = [];
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let lost = 0;
  let prunedAt = 0;

  const schedule = (): void => {
    timer ??= setTimeout(flush, Math.min(MAX_RETRY_MS, FLUSH_AFTER_MS * 2 ** failures)).unref();
  };

  /** Never throws, being what a timer does: what cannot be written waits for the next time. */
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length === 0) return;
    try {
      db.transaction(() => waiting.forEach(([event, at]) => write(db, event, at)));
      if (lost > 0) log?.error({ entries: lost }, 'the audit record lacks entries');
      waiting = [];
      lost = failures = 0;
      prune();
    } catch (err) {
      log?.error({ err, entries: waiting.length }, 'the audit record cannot be written');
      failures += 1;
      schedule();
    }
  };

  const prune = (): void => {
    const now = clock.now();
    if (now - prunedAt < PRUNE_EVERY_MS) return;
    const oldest = 'SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?';
    const pruned = db.run(`DELETE FROM audit WHERE id IN (${oldest})`, now - KEEP_FOR_MS, PRUNE_ENTRIES);
    if (pruned < PRUNE_ENTRIES) prunedAt = now;
  };

  const record = (event: AuditEvent): void => {
    if (!event.caller) return;
    if (waiting.length < MAX_WAITING) waiting.push([event, clock.now()]);
    else lost += 1;
    schedule();
  };

  return {
    record,
    flush,
    list: (caller: Caller, query: AuditQuery): AuditPage => {
      flush();
      return readAuditPage(db, caller.workspace.id, query);
    },
  };
}

function write(db: Db, event: AuditEvent, at: number): void {
  db.run(
    'INSERT INTO audit (at, action, target, result, workspace_id, member_id, key_id, address) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    at,
    event.action,
    event.target ?? null,
    event.result,
    event.caller?.workspace.id ?? null,
    event.caller?.member?.id ?? null,
    event.caller?.keyId ?? null,
    event.address ?? null,
  );
}
