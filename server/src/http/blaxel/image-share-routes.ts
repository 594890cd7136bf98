import * as routes from '@atoll/protocol';
import type { BlaxelPendingShare } from '@atoll/protocol';
import type { ImageShares, PendingShare, ShareTarget } from '../../sharing/image-shares.ts';
import type { Binding } from '../bind.ts';
import { bindBlaxel } from './blaxel-version.ts';
import type { ShowImage } from './image-view.ts';

interface Options {
  shares: ImageShares;
  showImage: ShowImage;
}

/** Shares of images in the Blaxel dialect (wire 1.6). */
export function blaxelImageShareRoutes({ shares, showImage }: Options): Binding[] {
  return [
    bindBlaxel(routes.listBlaxelImageShares, ({ params }, { caller }) =>
      shares.targets(caller, params.name).map(toTarget),
    ),
    bindBlaxel(routes.shareBlaxelImage, ({ params, body }, context) => {
      context.target(`${params.name} → ${body.targetWorkspace}`);
      const made = shares.share(context.caller, { repository: params.name, ...body });
      if (made.kind === 'active') return showImage(params.name, context);
      context.status(202);
      return toPending(made.pending);
    }),
    bindBlaxel(routes.unshareBlaxelImage, ({ params }, context) => {
      shares.unshare(context.caller, params.name, params.target);
      // A workspace that gives up a share has no such image any more.
      return params.target === context.caller.workspace.name ? {} : showImage(params.name, context);
    }),
    bindBlaxel(routes.listBlaxelPendingShares, ({ query }, { caller }) =>
      shares.pending(caller, query.direction).map(toPending),
    ),
    bindBlaxel(routes.acceptBlaxelShare, ({ params, query }, context) =>
      showImage(shares.accept(context.caller, params.id, query.force === 'true'), context),
    ),
    bindBlaxel(routes.declineBlaxelShare, ({ params }, { caller }) => shares.decline(caller, params.id)),
  ];
}

const toTarget = ({ workspace, accountId, pendingId }: ShareTarget) => ({
  workspace,
  workspaceDisplayName: workspace,
  accountId,
  status: pendingId === undefined ? ('active' as const) : ('pending' as const),
  ...(pendingId !== undefined && { pendingShareId: pendingId }),
});

const toPending = (share: PendingShare): BlaxelPendingShare => ({
  id: share.id,
  imageName: share.repository,
  resourceType: 'sandbox',
  sharedBy: share.sharedByName,
  sourceAccountId: share.sourceAccountId,
  sourceWorkspace: share.sourceWorkspace,
  sourceWorkspaceDisplayName: share.sourceWorkspace,
  targetAccountId: share.targetAccountId,
  targetWorkspace: share.targetWorkspace,
  targetWorkspaceDisplayName: share.targetWorkspace,
  ...(share.hasConflict !== undefined && { hasConflict: share.hasConflict }),
  createdAt: new Date(share.createdAt).toISOString(),
  expiresAt: new Date(share.expiresAt).toISOString(),
});
