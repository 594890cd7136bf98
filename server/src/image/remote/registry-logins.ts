import { ApiError } from '@atoll/protocol';
import type { Clock } from '../../lib/clock.ts';
import type { Db } from '../../store/db.ts';
import type { Sealing } from '../../store/sealing.ts';
import { toCredentials } from './registry-credentials.ts';
import type { Credentials } from './registry-credentials.ts';
import type { RemoteReference } from './remote-reference.ts';

/** What a workspace is known by at a registry, as it may be shown. Times are epoch milliseconds. */
export interface RegistryLogin {
  /** A registry, or a part of one: `ghcr.io`, `ghcr.io/org`. */
  registry: string;
  username: string;
  createdAt: number;
  updatedAt: number;
}

interface SealedRow {
  workspace_id: string;
  registry: string;
  username: string;
  key_id: string;
  sealed: Uint8Array;
}

export interface NewRegistryLogin {
  registry: string;
  username: string;
  password: string;
}

interface Options {
  db: Db;
  sealing: Sealing;
  clock: Clock;
  maxPerWorkspace?: number;
}

export type RegistryLogins = ReturnType<typeof createRegistryLogins>;

const MAX_PER_WORKSPACE = 100;
const columns = 'registry, username, created_at AS createdAt, updated_at AS updatedAt';

/** A sealed password opens only as that of this name at this registry. */
const placeOf = ({ workspace_id, registry, username }: Omit<SealedRow, 'key_id' | 'sealed'>): string =>
  `registry\0${workspace_id}\0${registry}\0${username}`;

/** What workspaces are known by at other registries: sealed in the database, opened only for a pull. */
export function createRegistryLogins({ db, sealing, clock, maxPerWorkspace = MAX_PER_WORKSPACE }: Options) {
  const open = (row: SealedRow): string => sealing.open(row.key_id, row.sealed, placeOf(row));

  const list = (workspaceId: string): RegistryLogin[] =>
    db.all(`SELECT ${columns} FROM registry_logins WHERE workspace_id = ? ORDER BY registry`, workspaceId);

  const requireRoom = (workspaceId: string, registry: string): void => {
    const others = list(workspaceId).filter((login) => login.registry !== registry);
    if (others.length < maxPerWorkspace) return;
    throw new ApiError('quota_exceeded', `a workspace may have ${maxPerWorkspace} logins at registries`, {
      hint: 'Remove those that you no longer use.',
    });
  };

  const put = (workspaceId: string, { registry, username, password }: NewRegistryLogin): RegistryLogin => {
    requireRoom(workspaceId, registry);
    const { keyId, sealed } = sealing.seal(
      password,
      placeOf({ workspace_id: workspaceId, registry, username }),
    );
    const login = db.get<RegistryLogin>(
      `INSERT INTO registry_logins (workspace_id, registry, username, key_id, sealed, created_at, updated_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
       ON CONFLICT (workspace_id, registry) DO UPDATE SET username = ?3, key_id = ?4, sealed = ?5, updated_at = ?6
       RETURNING ${columns}`,
      workspaceId,
      registry,
      username,
      keyId,
      sealed,
      clock.now(),
    );
    if (login === undefined) throw new Error('the database has written no login');
    return login;
  };

  return {
    list,
    put,
    /** Throws `not_found`. */
    remove: (workspaceId: string, registry: string): void => {
      const removed = db.run(
        'DELETE FROM registry_logins WHERE workspace_id = ? AND registry = ?',
        workspaceId,
        registry,
      );
      if (removed === 0) throw new ApiError('not_found', `the workspace has no login at ${registry}`);
    },
    /** What the workspace is known by where an image is: the login for the smallest part that holds it. */
    find: (workspaceId: string, { registry, repository }: RemoteReference): Credentials | undefined => {
      const row = db.get<SealedRow>(
        `SELECT * FROM registry_logins
         WHERE workspace_id = ?1 AND substr(?2, 1, length(registry) + 1) = registry || '/'
         ORDER BY length(registry) DESC LIMIT 1`,
        workspaceId,
        `${registry}/${repository}/`,
      );
      return row && toCredentials({ username: row.username, password: open(row) });
    },
    /** Seals again what is sealed with an old key; part of a rotation, within its transaction. */
    reseal: (): number => {
      const rows = db.all<SealedRow>('SELECT * FROM registry_logins WHERE key_id <> ?', sealing.currentId());
      for (const row of rows) {
        const { keyId, sealed } = sealing.seal(open(row), placeOf(row));
        db.run(
          'UPDATE registry_logins SET key_id = ?, sealed = ? WHERE workspace_id = ? AND registry = ?',
          keyId,
          sealed,
          row.workspace_id,
          row.registry,
        );
      }
      return rows.length;
    },
  };
}
