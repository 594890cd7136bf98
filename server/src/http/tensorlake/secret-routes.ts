import * as routes from '@atoll/protocol';
import type { SecretInfo, SecretStore } from '../../secret/secret-store.ts';
import { requireOperator } from '../../tenancy/caller.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';

/** The secrets API of the Tensorlake dialect (wire 1.7). */
export function secretRoutes({ secrets }: { secrets: SecretStore }): Binding[] {
  return [
    bind(routes.putSecrets, ({ body }, context) => {
      const entries = Array.isArray(body) ? body : [body];
      context.target(entries.map(({ name }) => name.slice(0, 128)).join(','));
      const set = secrets.set(context.caller.workspace.id, entries).map(show);
      const [first] = set;
      return Array.isArray(body) || first === undefined ? set : first;
    }),
    bind(routes.listSecrets, ({ query }, { caller }) => {
      const { pageSize, next } = query;
      const found = secrets.list(caller.workspace.id, {
        ...(pageSize !== undefined && { limit: pageSize + 1 }),
        ...(next !== undefined && { after: next }),
      });
      const items = found.slice(0, pageSize);
      const last = found.length > items.length ? items.at(-1) : undefined;
      const total = secrets.count(caller.workspace.id);
      return { items: items.map(show), pagination: { next: last?.name ?? null, prev: null, total } };
    }),
    bind(routes.deleteSecret, ({ params }, { caller }) => secrets.remove(caller.workspace.id, params.id)),
    bind(routes.rotateSecretKey, (_input, { caller }) => {
      requireOperator(caller);
      return secrets.rotateKey();
    }),
  ];
}

const show = ({ id, name, createdAt }: SecretInfo): routes.SecretInfo => ({
  id,
  name,
  createdAt: new Date(createdAt).toISOString(),
});
