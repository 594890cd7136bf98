import { ApiError } from '@atoll/protocol';
import type { Role } from '@atoll/protocol';
import type { Clock } from '../lib/clock.ts';
import type { Db } from '../store/db.ts';
import { newAccessToken } from './access-token.ts';
import type { AuditActor } from './audit.ts';
import type { Keys } from './key.ts';
import { hashSecret } from './key-value.ts';
import type { KeyKind } from './key-value.ts';
import { createLoginLimit } from './login-limit.ts';
import type { Logins } from './login.ts';
import type { ServiceAccounts } from './service-account.ts';

const ACCESS_SECS = 7200;
/** A login that is not used for so long is over. */
const REFRESH_MS = 90 * 24 * 3_600_000;

/** What somebody shows to get a token. */
export type Grant =
  | { kind: 'client'; clientId: string; clientSecret: string }
  | { kind: 'refresh'; refreshToken: string }
  | { kind: 'device'; deviceCode: string };

export interface IssuedToken {
  accessToken: string;
  expiresInSecs: number;
  /** Of logins: what the next token is asked for with. */
  refreshToken?: string;
  /** For the audit record. */
  actor: AuditActor;
}

interface Origin {
  /** Key or service account that the token ends with. */
  tokenOf: string;
  kind: KeyKind;
  memberId: string;
  workspaceId: string;
  workspace: string;
  role?: Role;
}

interface Options {
  db: Db;
  clock: Clock;
  keys: Keys;
  logins: Logins;
  serviceAccounts: ServiceAccounts;
  /** Told when a login was prolonged: what is known of its key is old. */
  onChange: () => void;
}

export type OAuth = ReturnType<typeof createOAuth>;

/**
 * Tokens that last for two hours, for service accounts and for devices that somebody has approved. Who shows wrong
 * secrets ten times in a minute is not listened to for a while, by its address.
 */
export function createOAuth({ db, clock, keys, logins, serviceAccounts, onChange }: Options) {
  const limit = createLoginLimit(clock.now);

  const issue = (origin: Origin): Pick<IssuedToken, 'accessToken' | 'expiresInSecs' | 'actor'> => {
    keys.forgetExpiredTokens();
    const iat = Math.floor(clock.now() / 1000);
    const exp = iat + ACCESS_SECS;
    const { tokenOf, kind, memberId, workspaceId, workspace, role } = origin;
    const value = newAccessToken({ sub: tokenOf, workspace, iat, exp });
    const of = { kind, memberId, workspaceId, tokenOf, ...(role && { role }) };
    const { key } = keys.add({ name: 'access token', value, expiresAt: exp * 1000, ...of });
    const actor = { workspace: { id: workspaceId }, member: { id: memberId }, keyId: key.id };
    return { accessToken: value, expiresInSecs: ACCESS_SECS, actor };
  };

  const ofClient = (clientId: string, clientSecret: string): IssuedToken => {
    const found = serviceAccounts.identify(clientId, clientSecret);
    if (found) return issue({ ...found, kind: 'api', tokenOf: found.clientId });
    throw new ApiError('unauthenticated', 'the client id and the secret do not belong together', {
      hint: 'Make a service account and use the id and the secret that it is shown with.',
    });
  };

  const ofRefresh = (refreshToken: string): IssuedToken => {
    const found = db.get<Origin>(
      `SELECT k.id AS tokenOf, k.kind, k.member_id AS memberId, w.id AS workspaceId, w.name AS workspace
         FROM api_keys k JOIN workspaces w ON w.id = k.workspace_id
         WHERE k.hash = ? AND k.is_refresh AND k.revoked_at IS NULL AND k.expires_at > ?`,
      hashSecret(refreshToken),
      clock.now(),
    );
    if (found === undefined) throw new ApiError('invalid_state', 'this login is unknown or has ended');
    db.run('UPDATE api_keys SET expires_at = ? WHERE id = ?', clock.now() + REFRESH_MS, found.tokenOf);
    onChange();
    return { ...issue(found), refreshToken };
  };

  const ofDevice = (deviceCode: string): IssuedToken => {
    const status = logins.poll(deviceCode);
    if (status === 'failed') throw new ApiError('invalid_state', 'no login has this device code');
    if (status === 'expired') throw new ApiError('not_found', 'this login has expired');
    if (status === 'pending') throw new ApiError('conflict', 'nobody has approved this login yet');
    return ofRefresh(logins.exchange(deviceCode, clock.now() + REFRESH_MS).token);
  };

  return {
    /** Trades a grant for a token. `address` is where it comes from. */
    token: (grant: Grant, address: string): IssuedToken => {
      if (limit.isBlocked(address)) {
        throw new ApiError('too_many_attempts', 'too many wrong secrets came from this address');
      }
      try {
        return db.transaction(() => {
          if (grant.kind === 'client') return ofClient(grant.clientId, grant.clientSecret);
          return grant.kind === 'refresh' ? ofRefresh(grant.refreshToken) : ofDevice(grant.deviceCode);
        });
      } catch (error) {
        if (error instanceof ApiError && isGuess(error)) limit.fail(address);
        throw error;
      }
    },
  };
}

/** What somebody who tries secrets gets; to wait for an approval is no fault. */
const isGuess = ({ code }: ApiError): boolean => code === 'unauthenticated' || code === 'invalid_state';
