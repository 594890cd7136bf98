import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Db } from '../store/db.ts';
import { createAccessWatch } from './access-watch.ts';
import { createAccounts } from './account.ts';
import { createAudit } from './audit.ts';
import { createAuthenticator } from './authenticate.ts';
import { createKeys } from './key.ts';
import { createLogins } from './login.ts';
import { createMembers } from './member.ts';
import { createOAuth } from './oauth.ts';
import { createServiceAccounts } from './service-account.ts';
import { createSessions } from './sessions.ts';
import { createSshKeys } from './ssh-key.ts';

export type Tenancy = ReturnType<typeof createTenancy>;

/** Accounts, workspaces, members, keys, logins and the audit record over one database. */
export function createTenancy({ db, clock, log }: { db: Db; clock: Clock; log?: Log }) {
  const authenticator = createAuthenticator({ db, clock });
  const listeners: (() => void)[] = [];
  const onChange = (): void => {
    authenticator.forget();
    listeners.forEach((listen) => listen());
  };
  const accounts = createAccounts({ db, clock });
  const keys = createKeys({ db, clock, onChange });
  const logins = createLogins({ db, clock, addKey: keys.add });
  const serviceAccounts = createServiceAccounts({ db, clock, keys, onChange });
  return {
    authenticator,
    accounts,
    keys,
    members: createMembers({ db, clock, onChange }),
    sshKeys: createSshKeys({ db, clock, onChange }),
    sessions: createSessions({ db, clock, onChange }),
    /** Who is in by a key or a role, and out when that changes or ends. */
    access: createAccessWatch({ clock, onAccessChange: (listen) => void listeners.push(listen) }),
    logins,
    serviceAccounts,
    oauth: createOAuth({ db, clock, keys, logins, serviceAccounts, onChange: authenticator.forget }),
    audit: createAudit({ db, clock, ...(log && { log }) }),
    /** An account with its first workspace, its owner and the owner's key, which is shown this once. */
    addAccount: (given: { name: string; workspace: string; ownerName: string }) =>
      db.transaction(() => {
        const made = accounts.create({ ...given, operator: false });
        const owner = { memberId: made.memberId, workspaceId: made.workspace.id };
        const { value } = keys.add({
          name: 'owner',
          kind: 'api',
          role: 'admin',
          isBootstrap: true,
          ...owner,
        });
        return { ...made, apiKey: value };
      }),
    /** Makes `value` an admin key of the default workspace if it is no key yet; the first start makes that workspace. */
    ensureAdminKey: (value: string): void =>
      db.transaction(() => {
        if (keys.standing(value) !== 'unknown') return;
        const owner = findOperator(db) ?? createOperator(accounts);
        keys.add({ name: 'admin', kind: 'api', role: 'admin', isBootstrap: true, value, ...owner });
      }),
  };
}

function findOperator(db: Db): { memberId: string; workspaceId: string } | undefined {
  return db.get(
    `SELECT m.id AS memberId, w.id AS workspaceId FROM accounts a
       JOIN members m ON m.account_id = a.id AND m.owner JOIN workspaces w ON w.account_id = a.id
     WHERE a.operator ORDER BY w.created_at LIMIT 1`,
  );
}

function createOperator(accounts: ReturnType<typeof createAccounts>): {
  memberId: string;
  workspaceId: string;
} {
  const made = accounts.create({
    name: 'operator',
    workspace: 'default',
    ownerName: 'admin',
    operator: true,
  });
  return { memberId: made.memberId, workspaceId: made.workspace.id };
}
