import { command } from '../../command.ts';
import { formatTime } from '../../output/format.ts';
import { flag, required, text, value } from '../../parameter.ts';

const image = required('image', 'name of the image, without a tag');
const id = required('share', 'id of the share, from `image pending`');

export const share = command({
  name: 'share',
  summary: 'let another workspace use an image with all its tags',
  examples: ['image share data-tools production', 'image share data-tools partner --account org_4f0h…'],
  args: { image, workspace: required('workspace', 'who may use it') },
  options: { account: value('--account <id>', 'account of the workspace, which has to accept', text) },
  failure: 'share image',
  run: async ({ args, options, context }) => {
    const wanted = { accountId: options.account, signal: context.signal };
    const made = await context.admin.imageShares.share(args.image, args.workspace, wanted);
    await context.output.result(made, () =>
      made.status === 'active'
        ? `Image ${args.image} shared with workspace ${made.workspace}`
        : `Image ${args.image} offered to workspace ${made.workspace} (${made.pendingId})`,
    );
  },
});

export const unshare = command({
  name: 'unshare',
  summary: 'end a share; sandboxes that run go on',
  args: { image, workspace: required('workspace', 'who used it; for a share that you received, your own') },
  options: {},
  failure: 'unshare image',
  run: async ({ args, context }) => {
    await context.admin.imageShares.unshare(args.image, args.workspace, { signal: context.signal });
    await context.output.result(
      { unshared: args.image, workspace: args.workspace },
      () => `Image ${args.image} unshared from workspace ${args.workspace}`,
    );
  },
});

export const shares = command({
  name: 'shares',
  summary: 'list the workspaces that use an image, or are to',
  args: { image },
  options: {},
  failure: 'list shares',
  run: async ({ args, context }) => {
    const found = await context.admin.imageShares.list(args.image, { signal: context.signal });
    await context.output.result(found, () => {
      if (found.length === 0) return 'No workspace uses this image.';
      const rows = found.map((one) => [one.workspace, one.accountId, one.status, formatTime(one.createdAt)]);
      return context.output.table(['Workspace', 'Account', 'Status', 'Since'], rows);
    });
  },
});

export const pending = command({
  name: 'pending',
  summary: 'list shares of other accounts that wait for an answer',
  args: {},
  options: { outgoing: flag('--outgoing', 'those that this workspace offers') },
  failure: 'list shares',
  run: async ({ options, context }) => {
    const direction = options.outgoing ? 'outgoing' : 'incoming';
    const found = await context.admin.imageShares.pending(direction, { signal: context.signal });
    await context.output.result(found, () => {
      if (found.length === 0) return 'No share waits.';
      const rows = found.map((one) => [
        one.id,
        one.repository,
        options.outgoing ? one.targetWorkspace : one.sourceWorkspace,
        one.hasConflict ? 'name is taken' : '-',
        formatTime(one.expiresAt),
      ]);
      const header = ['Share', 'Image', options.outgoing ? 'To' : 'From', 'Conflict', 'Expires'];
      return context.output.table(header, rows);
    });
  },
});

export const accept = command({
  name: 'accept',
  summary: 'use an image that another account offers',
  args: { id },
  options: {
    force: flag('--force', 'even if this workspace has an image of that name, which it then hides'),
  },
  failure: 'accept share',
  run: async ({ args, options, context }) => {
    const wanted = { force: options.force, signal: context.signal };
    const name = await context.admin.imageShares.accept(args.id, wanted);
    await context.output.result({ accepted: args.id, name }, () => name);
  },
});

export const decline = command({
  name: 'decline',
  summary: 'refuse an image that another account offers',
  args: { id },
  options: {},
  failure: 'decline share',
  run: async ({ args, context }) => {
    await context.admin.imageShares.decline(args.id, { signal: context.signal });
    await context.output.result({ declined: args.id }, () => `Declined ${args.id}`);
  },
});
