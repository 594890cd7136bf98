import * as routes from '@atoll/protocol';
import type { PendingImageShare } from '@atoll/protocol';
import type { ImageShares, PendingShare } from '../../sharing/image-shares.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';

/** Images that other workspaces use. */
export function imageShareRoutes({ shares }: { shares: ImageShares }): Binding[] {
  const targets = (caller: Parameters<ImageShares['targets']>[0], name: string) =>
    shares
      .targets(caller, name)
      .map((one) => ({ ...one, status: one.pendingId === undefined ? 'active' : 'pending' }) as const);
  return [
    bind(routes.shareImage, ({ params, body }, context) => {
      const { caller } = context;
      const wanted = {
        repository: params.name,
        targetWorkspace: body.workspace,
        targetAccountId: body.accountId,
      };
      context.target(`${params.name} → ${body.workspace}`);
      const made = shares.share(caller, wanted);
      const name = made.kind === 'active' ? made.targetWorkspace : made.pending.targetWorkspace;
      const shown = targets(caller, params.name).find(({ workspace }) => workspace === name);
      if (shown === undefined) throw new Error(`the share of ${params.name} vanished`);
      return shown;
    }),
    bind(routes.listImageShares, ({ params }, { caller }) => ({ shares: targets(caller, params.name) })),
    bind(routes.unshareImage, ({ params }, { caller }) => shares.unshare(caller, params.name, params.target)),
    bind(routes.listPendingImageShares, ({ query }, { caller }) => ({
      shares: shares.pending(caller, query.direction).map(toPendingShare),
    })),
    bind(routes.acceptImageShare, ({ params, body }, { caller }) => ({
      name: shares.accept(caller, params.id, body.force),
    })),
    bind(routes.declineImageShare, ({ params }, { caller }) => shares.decline(caller, params.id)),
  ];
}

const toPendingShare = ({
  sourceWorkspaceId: _source,
  targetWorkspaceId: _target,
  sharedBy: _member,
  sharedByName,
  ...shown
}: PendingShare): PendingImageShare => ({ ...shown, sharedBy: sharedByName });
