import { withoutUndefined } from '../lib/without-undefined.ts';
import type { Db } from './db.ts';
import type { Sealing } from './sealing.ts';

/** A command, and how it runs. */
export interface ScheduledCommand {
  command: string;
  name?: string;
  env?: Record<string, string>;
  workingDir?: string;
  timeoutSecs?: number;
  keepAlive?: boolean;
}

/** What a sandbox is told to do at certain times. Times are epoch milliseconds. */
export interface Schedule {
  id: string;
  workspaceId: string;
  sandboxId: string;
  type: 'cron' | 'at';
  value: string;
  input: ScheduledCommand;
  maxExecutions?: number;
  /** How often it was begun. */
  executions: number;
  /** Absent when it is done. */
  nextAt?: number;
  createdAt: number;
}

export interface ScheduleExecution {
  id: string;
  scheduleId: string;
  workspaceId: string;
  sandboxId: string;
  createdAt: number;
  /** Absent while it begins. */
  executedAt?: number;
  /** What the sandbox answered. */
  statusCode?: number;
  processName?: string;
  timeoutSecs?: number;
  error?: string;
}

interface Row {
  id: string;
  workspace_id: string;
  sandbox_id: string;
  type: Schedule['type'];
  value: string;
  key_id: string;
  sealed: Uint8Array;
  max_executions: number | null;
  executions: number;
  next_at: number | null;
  created_at: number;
}

interface ExecutionRow {
  id: string;
  schedule_id: string;
  workspace_id: string;
  sandbox_id: string;
  created_at: number;
  executed_at: number | null;
  status_code: number | null;
  process_name: string | null;
  timeout_secs: number | null;
  error: string | null;
}

const placeOf = (id: string): string => `schedule\0${id}`;

export type ScheduleStore = ReturnType<typeof createScheduleStore>;

/** The rows of schedules and of what became of them. What they run is sealed: variables of commands often are secrets. */
export function createScheduleStore({ db, sealing }: { db: Db; sealing: Sealing }) {
  const toSchedule = ({ key_id, sealed, ...row }: Row): Schedule =>
    withoutUndefined({
      id: row.id,
      workspaceId: row.workspace_id,
      sandboxId: row.sandbox_id,
      type: row.type,
      value: row.value,
      input: JSON.parse(sealing.open(key_id, sealed, placeOf(row.id))) as ScheduledCommand, // written by this module alone
      maxExecutions: row.max_executions ?? undefined,
      executions: row.executions,
      nextAt: row.next_at ?? undefined,
      createdAt: row.created_at,
    });

  /** Part of a transaction. */
  const write = (id: string, text: string): void => {
    const { keyId, sealed } = sealing.seal(text, placeOf(id));
    db.run(`UPDATE schedules SET input = '', key_id = ?, sealed = ? WHERE id = ?`, keyId, sealed, id);
  };

  // What an older server kept in clear.
  db.transaction(() => {
    const clear = db.all<{ id: string; input: string }>(
      'SELECT id, input FROM schedules WHERE key_id IS NULL',
    );
    for (const { id, input } of clear) write(id, input);
  });

  return {
    transaction: db.transaction,
    put: (one: Schedule): void =>
      db.transaction(() => {
        db.run(
          `INSERT INTO schedules (id, workspace_id, sandbox_id, type, value, input, max_executions, executions, next_at, created_at)
           VALUES (?1, ?2, ?3, ?4, ?5, '', ?6, ?7, ?8, ?9)
           ON CONFLICT (id) DO UPDATE SET type = ?4, value = ?5, max_executions = ?6, next_at = ?8`,
          one.id,
          one.workspaceId,
          one.sandboxId,
          one.type,
          one.value,
          one.maxExecutions ?? null,
          one.executions,
          one.nextAt ?? null,
          one.createdAt,
        );
        write(one.id, JSON.stringify(one.input));
      }),
    /** Seals again what is sealed with an old key; part of a rotation, within its transaction. */
    reseal: (): number => {
      const old = db.all<Row>('SELECT * FROM schedules WHERE key_id <> ?', sealing.currentId());
      for (const { id, key_id, sealed } of old) write(id, sealing.open(key_id, sealed, placeOf(id)));
      return old.length;
    },
    find: (sandboxId: string, id: string): Schedule | undefined => {
      const row = db.get<Row>('SELECT * FROM schedules WHERE sandbox_id = ? AND id = ?', sandboxId, id);
      return row && toSchedule(row);
    },
    ofSandbox: (sandboxId: string): Schedule[] =>
      db
        .all<Row>('SELECT * FROM schedules WHERE sandbox_id = ? ORDER BY created_at, id', sandboxId)
        .map(toSchedule),
    ofWorkspace: (workspaceId: string): Schedule[] =>
      db
        .all<Row>('SELECT * FROM schedules WHERE workspace_id = ? ORDER BY created_at, id', workspaceId)
        .map(toSchedule),
    remove: (id: string): void => void db.run('DELETE FROM schedules WHERE id = ?', id),
    due: (now: number): Schedule[] =>
      db.all<Row>('SELECT * FROM schedules WHERE next_at <= ? ORDER BY next_at', now).map(toSchedule),
    nextAt: (): number | undefined =>
      db.get<{ at: number | null }>('SELECT min(next_at) AS at FROM schedules WHERE next_at IS NOT NULL')
        ?.at ?? undefined,
    /** It has begun once more, and is due again at that moment, or never. */
    advance: (id: string, nextAt: number | undefined): void =>
      void db.run(
        'UPDATE schedules SET executions = executions + 1, next_at = ? WHERE id = ?',
        nextAt ?? null,
        id,
      ),
    begin: (one: ScheduleExecution, keep: number): void =>
      db.transaction(() => {
        db.run(
          `INSERT INTO schedule_executions (id, schedule_id, workspace_id, sandbox_id, created_at, timeout_secs) VALUES (?, ?, ?, ?, ?, ?)`,
          one.id,
          one.scheduleId,
          one.workspaceId,
          one.sandboxId,
          one.createdAt,
          one.timeoutSecs ?? null,
        );
        db.run(
          `DELETE FROM schedule_executions WHERE sandbox_id = ?1 AND id NOT IN
             (SELECT id FROM schedule_executions WHERE sandbox_id = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2)`,
          one.sandboxId,
          keep,
        );
      }),
    end: (
      id: string,
      now: number,
      { statusCode, processName, error }: Pick<ScheduleExecution, 'statusCode' | 'processName' | 'error'>,
    ): void =>
      void db.run(
        'UPDATE schedule_executions SET executed_at = ?, status_code = ?, process_name = ?, error = ? WHERE id = ?',
        now,
        statusCode ?? null,
        processName ?? null,
        error ?? null,
        id,
      ),
    /** What an earlier process had begun; it cannot be known how far it came. */
    endAll: (now: number, error: string): number =>
      db.run(
        'UPDATE schedule_executions SET executed_at = ?, error = ? WHERE executed_at IS NULL',
        now,
        error,
      ),
    /** Newest first. */
    executionsOf: (by: 'sandbox' | 'workspace', id: string): ScheduleExecution[] =>
      db
        .all<ExecutionRow>(
          `SELECT * FROM schedule_executions WHERE ${by === 'sandbox' ? 'sandbox_id' : 'workspace_id'} = ?
             ORDER BY created_at DESC, id DESC`,
          id,
        )
        .map(toExecution),
  };
}

const toExecution = (row: ExecutionRow): ScheduleExecution =>
  withoutUndefined({
    id: row.id,
    scheduleId: row.schedule_id,
    workspaceId: row.workspace_id,
    sandboxId: row.sandbox_id,
    createdAt: row.created_at,
    executedAt: row.executed_at ?? undefined,
    statusCode: row.status_code ?? undefined,
    processName: row.process_name ?? undefined,
    timeoutSecs: row.timeout_secs ?? undefined,
    error: row.error ?? undefined,
  });
