import { randomInt } from 'node:crypto';
import { ApiError } from '@atoll/protocol';
import type { Clock } from '../lib/clock.ts';
import { randomId } from '../lib/id.ts';
import type { Db } from '../store/db.ts';
import { isPerson } from './caller.ts';
import type { Caller } from './caller.ts';
import type { NewKey } from './key.ts';
import { hashSecret } from './key-value.ts';

const LIFETIME_MS = 10 * 60_000;
/** Anybody may begin a login, so the number that wait is bounded: the oldest make room, first those of the same address. */
const MAX_PENDING = 1000;
const MAX_PENDING_OF_ADDRESS = 50;

interface LoginRow {
  expires_at: number;
  member_id: string | null;
  workspace_id: string | null;
}

/** What an approved device gets. */
export interface ExchangedLogin {
  token: string;
  keyId: string;
  accountId: string;
  workspaceId: string;
  memberId: string;
}

export type Logins = ReturnType<typeof createLogins>;

/** The device login: a device shows a user code, a person with a key approves it, the device gets a token. */
export function createLogins({
  db,
  clock,
  addKey,
}: {
  db: Db;
  clock: Clock;
  addKey: (key: NewKey) => { value: string; key: { id: string } };
}) {
  const find = (deviceCode: string) =>
    db.get<LoginRow>('SELECT * FROM logins WHERE device_code_hash = ?', hashSecret(deviceCode));

  /** Approved ones stay: somebody with a key has vouched for them. */
  const makeRoom = (scope: string, limit: number, ...params: string[]): number =>
    db.run(
      `DELETE FROM logins WHERE rowid IN (
         SELECT rowid FROM logins WHERE ${scope} AND member_id IS NULL
         ORDER BY expires_at DESC, rowid DESC LIMIT -1 OFFSET ${limit - 1})`,
      ...params,
    );

  return {
    /** `address` is where the device calls from. */
    start: (address = '') =>
      db.transaction(() => {
        db.run('DELETE FROM logins WHERE expires_at < ?', clock.now() - LIFETIME_MS);
        makeRoom('address = ?', MAX_PENDING_OF_ADDRESS, address);
        makeRoom('1', MAX_PENDING);
        const deviceCode = randomId(40);
        const userCode = newUserCode();
        db.run(
          'INSERT INTO logins (device_code_hash, user_code, expires_at, address) VALUES (?, ?, ?, ?)',
          hashSecret(deviceCode),
          userCode,
          clock.now() + LIFETIME_MS,
          address,
        );
        return { deviceCode, userCode, expiresInSecs: LIFETIME_MS / 1000 };
      }),

    poll: (deviceCode: string): 'pending' | 'approved' | 'expired' | 'failed' => {
      const login = find(deviceCode);
      if (!login) return 'failed';
      if (login.expires_at < clock.now()) return 'expired';
      return login.member_id === null ? 'pending' : 'approved';
    },

    /** The caller lends its member to the device. */
    approve: (caller: Caller, userCode: string): void => {
      if (!isPerson(caller)) {
        throw new ApiError('forbidden', 'an api key cannot approve a login', {
          hint: 'Approve it with a personal token, or with the first key of the account.',
        });
      }
      const approved = db.run(
        'UPDATE logins SET member_id = ?, workspace_id = ? WHERE user_code = ? AND expires_at > ? AND member_id IS NULL',
        caller.member.id,
        caller.workspace.id,
        userCode.trim().toUpperCase(),
        clock.now(),
      );
      if (approved === 0)
        throw new ApiError('not_found', `no login waits for the code ${userCode}`, {
          hint: 'Codes end after 10 minutes; begin again with `atoll login`.',
        });
    },

    /** The device code is spent by this; a second exchange finds nothing. A token that ends is prolonged by use, as a refresh token. */
    exchange: (deviceCode: string, expiresAt?: number): ExchangedLogin =>
      db.transaction(() => {
        const login = find(deviceCode);
        if (!login || login.expires_at < clock.now())
          throw new ApiError('not_found', 'this login is unknown or has expired');
        const { member_id: memberId, workspace_id: workspaceId } = login;
        if (memberId === null || workspaceId === null)
          throw new ApiError('conflict', 'this login is not approved yet');
        db.run('DELETE FROM logins WHERE device_code_hash = ?', hashSecret(deviceCode));
        const { value, key } = addKey({
          name: 'device login',
          kind: 'personal',
          memberId,
          workspaceId,
          ...(expiresAt !== undefined && { expiresAt, isRefresh: true }),
        });
        const workspace = db.get<{ accountId: string }>(
          'SELECT account_id AS accountId FROM workspaces WHERE id = ?',
          workspaceId,
        );
        if (!workspace) throw new ApiError('not_found', 'the workspace of this login is gone');
        const { accountId } = workspace;
        return { token: value, keyId: key.id, accountId, workspaceId, memberId };
      }),
  };
}

/** Eight letters without vowels and look-alikes, in two groups that are easy to type. */
function newUserCode(): string {
  const letters = 'BCDFGHJKLMNPQRSTVWXZ';
  const code = Array.from({ length: 8 }, () => letters[randomInt(letters.length)]).join('');
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}
