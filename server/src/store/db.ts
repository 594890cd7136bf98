import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import { ApiError } from '@atoll/protocol';

export type Row = Record<string, unknown>;

/** SQLite behind prepared statements; the rest of the server never sees `node:sqlite`. */
export interface Db {
  all<T = Row>(sql: string, ...params: SQLInputValue[]): T[];
  get<T = Row>(sql: string, ...params: SQLInputValue[]): T | undefined;
  /** Runs a change and returns how many rows it touched. */
  run(sql: string, ...params: SQLInputValue[]): number;
  /** All or nothing. Synchronous: nothing else runs in between. Nested calls join the outer one. */
  transaction<T>(work: () => T): T;
  /** Brings every commit to the disk, through a loss of power too. False while another process reads the database. */
  flush(): boolean;
  /** Told after each change that is there to stay. */
  onWrite(listen: () => void): void;
  close(): void;
}

/**
 * WAL with synchronous=NORMAL survives `kill -9` of the server; after a power loss the last
 * transactions may be missing, which reconcile allows for.
 */
const pragmas = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA foreign_keys = ON;
  PRAGMA busy_timeout = 2000;
`;

/** Opens the database at `path` (`:memory:` in tests) and brings its schema up to date. */
export function openDb(path: string): Db {
  const sqlite = new DatabaseSync(path);
  sqlite.exec(pragmas);
  const db = wrap(sqlite);
  migrate(sqlite, db);
  return db;
}

function wrap(sqlite: DatabaseSync): Db {
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql);
    if (known) return known;
    const statement = sqlite.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  const listeners: (() => void)[] = [];
  const announce = <T>(result: T): T => {
    if (!sqlite.isTransaction) listeners.forEach((listen) => listen());
    return result;
  };
  return {
    // node:sqlite types rows as unknown records; the caller states the columns of its own SQL.
    all: <T>(sql: string, ...params: SQLInputValue[]) => explained(() => prepare(sql).all(...params) as T[]),
    get: <T>(sql: string, ...params: SQLInputValue[]) =>
      explained(() => prepare(sql).get(...params) as T | undefined),
    run: (sql, ...params) => {
      params.forEach(requireReadable);
      return announce(explained(() => Number(prepare(sql).run(...params).changes)));
    },
    transaction: (work) => announce(explained(() => transaction(sqlite, work))),
    onWrite: (listen) => void listeners.push(listen),
    // Takes the log into the database file and syncs both: https://sqlite.org/pragma.html#pragma_wal_checkpoint
    flush: () => explained(() => prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'] === 0),
    close: () => sqlite.close(),
  };
}

function transaction<T>(sqlite: DatabaseSync, work: () => T): T {
  if (sqlite.isTransaction) return work();
  sqlite.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    sqlite.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite has rolled back by itself when the disk was full, and a second time is an error that would hide the first.
    if (sqlite.isTransaction) sqlite.exec('ROLLBACK');
    throw error;
  }
}

/** SQLite takes larger numbers, and node:sqlite then fails to read any list that holds one. */
function requireReadable(value: SQLInputValue): void {
  if (typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER)
    throw new RangeError(`the number ${value} could not be read again`);
}

/** Primary result codes of SQLite: the disk is full, or it does not take or give what it should. */
const diskFailures = new Set([10, 13]);

/** Says what a client may know of a failure of the disk. */
function explained<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isDiskFailure(error)) throw error;
    throw new ApiError('host_out_of_disk', `the database cannot be written: ${error.message}`, {
      cause: error,
    });
  }
}

/** Extended result codes carry the primary one in their lowest byte. */
const isDiskFailure = (error: unknown): error is Error =>
  error instanceof Error &&
  'errcode' in error &&
  typeof error.errcode === 'number' &&
  diskFailures.has(error.errcode & 0xff);

const migrationDir = join(import.meta.dirname, 'migration');

/**
 * Applies each `migration/NNNN-*.sql` once, in the order of their names, in a transaction of its own. What was applied
 * is known by name: work on several branches gives numbers in another order than it lands.
 */
function migrate(sqlite: DatabaseSync, db: Db): void {
  const names = readdirSync(migrationDir).filter((name) => name.endsWith('.sql'));
  const applied = findApplied(sqlite, db, names);
  for (const name of names.toSorted()) {
    if (applied.has(name)) continue;
    transaction(sqlite, () => {
      sqlite.exec(readFileSync(join(migrationDir, name), 'utf8'));
      db.run('INSERT INTO migration VALUES (?)', name);
    });
  }
}

/** Databases of earlier versions know the number of the last migration alone. */
function findApplied(sqlite: DatabaseSync, db: Db, names: readonly string[]): Set<string> {
  const { user_version: last = 0 } = db.get<{ user_version: number }>('PRAGMA user_version') ?? {};
  transaction(sqlite, () => {
    sqlite.exec('CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY) STRICT');
    const known = names.filter((name) => Number.parseInt(name, 10) <= last);
    for (const name of known) db.run('INSERT INTO migration VALUES (?)', name);
    sqlite.exec('PRAGMA user_version = 0');
  });
  return new Set(db.all<{ name: string }>('SELECT name FROM migration').map(({ name }) => name));
}
