import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { randomBytes } from 'node:crypto';
import { randomId } from '../lib/id.ts';

/** The data directory of one server: nobody else reads it, one process at a time uses it. */
export interface DataDir {
  path: string;
  /** Part of the name of everything on the host, so that two servers do not clean each other away. */
  instanceId: string;
  /** Secret of this server, of which the agents' tokens are derived. */
  serverKey: Buffer;
  databasePath: string;
  adminKeyPath: string;
  /** The keys that secrets are sealed with. */
  secretKeysPath: string;
  /** Where the running server says how to reach it. */
  serverFilePath: string;
  unlock(): void;
}

/** Opens or makes a data directory. Throws when another server uses it. */
export function openDataDir(path: string): DataDir {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  // Layers hold setuid files and device nodes: no other user of the host may come near them.
  chmodSync(path, 0o700);
  const databasePath = join(path, 'atoll.db');
  const lockPath = join(path, 'lock');
  for (const file of [databasePath, lockPath]) touchPrivate(file);
  const unlock = lock(lockPath);
  return {
    path,
    instanceId: once(join(path, 'instance-id'), () => randomId(4)),
    serverKey: Buffer.from(
      once(join(path, 'server-key'), () => randomBytes(32).toString('hex')),
      'hex',
    ),
    databasePath,
    adminKeyPath: join(path, 'admin-key'),
    secretKeysPath: join(path, 'secret-keys'),
    serverFilePath: join(path, 'server.json'),
    unlock,
  };
}

/** SQLite gives its further files the mode of the database, so that one has to be there before it with ours. */
function touchPrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
}

/**
 * Node has no flock; an exclusive SQLite transaction holds a file lock that the kernel releases when the process
 * ends, however it ends.
 */
function lock(file: string): () => void {
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    throw new Error(`another server uses the data directory of ${file}`, { cause });
  }
  return () => database.close();
}

/** A value that is made at the first start and kept, readable by the server alone. */
export function once(file: string, make: () => string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const value = make();
  writePrivate(file, value);
  return value;
}

/** Replaces a file as a whole, readable by the server's user alone. */
export function writePrivate(file: string, content: string): void {
  const temporary = `${file}.${randomId(6)}.tmp`;
  writeFileSync(temporary, `${content}\n`, { mode: 0o600, flush: true });
  renameSync(temporary, file);
  syncFolder(dirname(file));
}

/** A rename is on the disk once its folder is. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
