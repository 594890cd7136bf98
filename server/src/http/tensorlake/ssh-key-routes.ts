import * as routes from '@atoll/protocol';
import type { SshKey, SshKeys } from '../../tenancy/ssh-key.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';

/** SSH keys of the caller (wire 1.7). */
export function sshKeyRoutes({ sshKeys }: { sshKeys: SshKeys }): Binding[] {
  return [
    bind(routes.listSshKeys, (_input, { caller }) => ({ items: sshKeys.list(caller).map(show) })),
    bind(routes.addSshKey, ({ body }, context) => {
      const added = sshKeys.add(context.caller, body);
      context.target(added.id);
      return show(added);
    }),
    bind(routes.removeSshKey, ({ params }, { caller }) => sshKeys.remove(caller, params.id)),
  ];
}

const show = ({ id, name, keyType, fingerprint, createdAt, lastUsedAt }: SshKey): routes.SshKeyInfo => ({
  id,
  name,
  keyType,
  fingerprint,
  createdAt: new Date(createdAt).toISOString(),
  ...(lastUsedAt !== null && { lastUsedAt: new Date(lastUsedAt).toISOString() }),
});
