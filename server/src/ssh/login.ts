import { ApiError } from '@atoll/protocol';
import type { AuthContext, ParsedKey } from 'ssh2';
import type { Sandboxes } from '../sandbox/sandboxes.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { atLeast } from '../tenancy/caller.ts';
import type { SshAccess, SshKeys } from '../tenancy/ssh-key.ts';
import { fingerprintOf } from '../tenancy/ssh-public-key.ts';

/** Who has shown which key for which sandbox. */
export interface Login {
  fingerprint: string;
  access: SshAccess;
  sandboxId: string;
}

export interface LoginOptions {
  sandboxes: Pick<Sandboxes, 'get'>;
  sshKeys: Pick<SshKeys, 'accessOf' | 'markUsed'>;
  parseKey: (data: Buffer) => ParsedKey | ParsedKey[] | Error;
}

/** Decides logins: the user name is a sandbox, the key that of a member who may work in it. */
export function createLogins({ sandboxes, sshKeys, parseKey }: LoginOptions) {
  const find = (fingerprint: string, identifier: string): Login | undefined => {
    const found = sshKeys
      .accessOf(fingerprint)
      .filter(({ role }) => atLeast(role, 'member'))
      .flatMap((access) => {
        const record = findIn(access.workspaceId, identifier);
        return record === undefined ? [] : [{ fingerprint, access, sandboxId: record.id }];
      });
    // A name that two workspaces have means neither: ids are never ambiguous.
    return new Set(found.map(({ sandboxId }) => sandboxId)).size === 1 ? found[0] : undefined;
  };

  const findIn = (workspaceId: string, identifier: string): SandboxRecord | undefined => {
    try {
      return sandboxes.get(workspaceId, identifier);
    } catch {
      return undefined;
    }
  };

  return {
    /** Whether a key would do and, once it has signed, that it does. */
    judge: (context: AuthContext): { login: Login; isProven: boolean } | undefined => {
      if (context.method !== 'publickey') return undefined;
      const login = find(fingerprintOf(context.key.data), context.username);
      if (login === undefined) return undefined;
      if (context.signature === undefined || context.blob === undefined) return { login, isProven: false };
      const key = parseKey(context.key.data);
      if (key instanceof Error || Array.isArray(key)) return undefined;
      if (!key.verify(context.blob, context.signature, context.hashAlgo)) return undefined;
      sshKeys.markUsed(login.access.keyId);
      return { login, isProven: true };
    },
    /** What a login would be let in by now. Throws when it would not. */
    admit: ({ fingerprint, access, sandboxId }: Login): SshAccess => {
      const found = sshKeys
        .accessOf(fingerprint)
        .find(
          (now) =>
            now.keyId === access.keyId &&
            now.workspaceId === access.workspaceId &&
            atLeast(now.role, 'member'),
        );
      if (found === undefined || findIn(access.workspaceId, sandboxId) === undefined)
        throw new ApiError('unauthenticated', 'this SSH key does not open the sandbox any more');
      return found;
    },
  };
}
