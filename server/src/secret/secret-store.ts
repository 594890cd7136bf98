import { ApiError } from '@atoll/protocol';
import type { Clock } from '../lib/clock.ts';
import { randomId } from '../lib/id.ts';
import type { Log } from '../lib/log.ts';
import type { Db } from '../store/db.ts';
import type { KeyRing } from './key-ring.ts';
import { checkSecretCount, checkSecretName, checkSecretValue } from './secret-name.ts';

/** A secret as it may be shown. Times are epoch milliseconds. */
export interface SecretInfo {
  id: string;
  name: string;
  createdAt: number;
  updatedAt: number;
}

/** What the secrets of a sandbox are now. */
export interface SecretEnvironment {
  env: Record<string, string>;
  /** Names without a secret. */
  missing: string[];
}

interface SealedRow {
  id: string;
  workspace_id: string;
  name: string;
  key_id: string;
  sealed: Uint8Array;
}

export type SecretStore = ReturnType<typeof createSecretStore>;

export interface SecretStoreOptions {
  db: Db;
  keyRing: KeyRing;
  clock: Clock;
  log: Log;
  /** What else is sealed with the same keys, and is sealed again with them. */
  alsoSealed?: readonly { reseal: () => number }[];
  maxPerWorkspace?: number;
}

const MAX_PER_WORKSPACE = 1000;

/** A sealed value opens only as the value of this secret of this workspace. */
const placeOf = (workspaceId: string, name: string): string => `secret\0${workspaceId}\0${name}`;

const infoColumns = 'id, name, created_at AS createdAt, updated_at AS updatedAt';

/** The secrets of all workspaces: sealed in the database, opened only for the environment of a sandbox. */
export function createSecretStore({
  db,
  keyRing,
  clock,
  log,
  alsoSealed = [],
  maxPerWorkspace = MAX_PER_WORKSPACE,
}: SecretStoreOptions) {
  const count = (workspaceId: string): number =>
    db.get<{ count: number }>('SELECT count(*) AS count FROM secrets WHERE workspace_id = ?', workspaceId)
      ?.count ?? 0;

  const put = (workspaceId: string, name: string, value: string): SecretInfo => {
    const { keyId, sealed } = keyRing.seal(value, placeOf(workspaceId, name));
    const now = clock.now();
    const info = db.get<SecretInfo>(
      `INSERT INTO secrets (id, workspace_id, name, key_id, sealed, created_at, updated_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
       ON CONFLICT (workspace_id, name) DO UPDATE SET key_id = ?4, sealed = ?5, updated_at = ?6
       RETURNING ${infoColumns}`,
      `secret_${randomId(21)}`,
      workspaceId,
      name,
      keyId,
      sealed,
      now,
    );
    if (info === undefined) throw new Error('the database has written no secret');
    return info;
  };

  const requireQuota = (workspaceId: string): void => {
    const living = count(workspaceId);
    if (living <= maxPerWorkspace) return;
    throw new ApiError(
      'quota_exceeded',
      `a workspace may have ${maxPerWorkspace} secrets; this would be ${living}`,
      {
        hint: 'Remove secrets that you no longer use.',
      },
    );
  };

  const rowsOf = (workspaceId: string, names: readonly string[]): SealedRow[] =>
    db.all<SealedRow>(
      `SELECT id, workspace_id, name, key_id, sealed FROM secrets
       WHERE workspace_id = ?1 AND name IN (SELECT value FROM json_each(?2))`,
      workspaceId,
      JSON.stringify(names),
    );

  const open = ({ workspace_id, name, key_id, sealed }: SealedRow): string =>
    keyRing.open(key_id, sealed, placeOf(workspace_id, name));

  /** Seals again what is sealed with an old key. All or nothing, so that each row and its key id agree. */
  const resealAll = (): number =>
    db.transaction(() => {
      const rows = db.all<SealedRow>('SELECT * FROM secrets WHERE key_id <> ?', keyRing.currentId());
      for (const row of rows) {
        const { keyId, sealed } = keyRing.seal(open(row), placeOf(row.workspace_id, row.name));
        db.run('UPDATE secrets SET key_id = ?, sealed = ? WHERE id = ?', keyId, sealed, row.id);
      }
      return alsoSealed.reduce((count, other) => count + other.reseal(), rows.length);
    });

  /**
   * A commit alone could be lost with the power, and values with it once their old key is gone. So the old keys go only
   * after the database file itself is on the disk.
   */
  const finishRotation = (): number => {
    const resealed = resealAll();
    if (db.flush()) keyRing.dropOldKeys();
    else log.warn('the old key of secrets stays until the database can be written through');
    return resealed;
  };

  return {
    /** Adds or replaces secrets, all or none. Processes that run keep the value that they were started with. */
    set: (workspaceId: string, entries: readonly { name: string; value: string }[]): SecretInfo[] => {
      for (const { name, value } of entries) {
        checkSecretName(name);
        checkSecretValue(name, value);
      }
      return db.transaction(() => {
        const infos = entries.map(({ name, value }) => put(workspaceId, name, value));
        requireQuota(workspaceId);
        return infos;
      });
    },
    /** By name; `after` is the name that the page before ended with. */
    list: (workspaceId: string, page: { limit?: number; after?: string } = {}): SecretInfo[] =>
      db.all<SecretInfo>(
        `SELECT ${infoColumns} FROM secrets WHERE workspace_id = ? AND name > ? ORDER BY name LIMIT ?`,
        workspaceId,
        page.after ?? '',
        page.limit ?? -1,
      ),
    count,
    remove: (workspaceId: string, id: string): void => {
      if (db.run('DELETE FROM secrets WHERE workspace_id = ? AND id = ?', workspaceId, id) === 1) return;
      throw new ApiError('secret_not_found', `no secret with the id ${JSON.stringify(id.slice(0, 80))}`);
    },
    /** Throws `secret_not_found` with the names that no secret of the workspace has. */
    requireAll: (workspaceId: string, names: readonly string[]): void => {
      checkSecretCount(names);
      const known = new Set(rowsOf(workspaceId, names).map(({ name }) => name));
      const unknown = names.filter((name) => !known.has(name));
      if (unknown.length > 0) throw missingSecrets(unknown);
    },
    /** Those of these names that have a secret. */
    existing: (workspaceId: string, names: readonly string[]): string[] => {
      const known = new Set(rowsOf(workspaceId, names).map(({ name }) => name));
      return names.filter((name) => known.has(name));
    },
    /** When one of these was last set. */
    changedAt: (workspaceId: string, names: readonly string[]): number =>
      db.get<{ at: number }>(
        `SELECT ifnull(max(updated_at), 0) AS at FROM secrets
         WHERE workspace_id = ?1 AND name IN (SELECT value FROM json_each(?2))`,
        workspaceId,
        JSON.stringify(names),
      )?.at ?? 0,
    /** The values, for the environment of a sandbox that starts. */
    environment: (workspaceId: string, names: readonly string[]): SecretEnvironment => {
      const rows = names.length === 0 ? [] : rowsOf(workspaceId, names);
      const env = Object.fromEntries(rows.map((row) => [row.name, open(row)]));
      return { env, missing: names.filter((name) => !Object.hasOwn(env, name)) };
    },
    /** Seals everything with a new key and forgets the old one. `finishRotation` goes on where this was cut. */
    rotateKey: (): { keyId: string; resealed: number } => {
      keyRing.addKey();
      return { resealed: finishRotation(), keyId: keyRing.currentId() };
    },
    /** Carries a rotation that an earlier process began to its end. */
    finishRotation: (): void => {
      if (keyRing.isRotating()) log.info({ resealed: finishRotation() }, 'the key of secrets is rotated');
    },
  };
}

/** What a create, or its start, is refused with. */
export const missingSecrets = (names: readonly string[]): ApiError =>
  new ApiError(
    'secret_not_found',
    `there is no secret ${names.map((name) => JSON.stringify(name.slice(0, 80))).join(', ')} in this workspace`,
  );
