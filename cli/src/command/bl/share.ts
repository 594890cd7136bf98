import * as protocol from '@atoll/protocol';
import { command, group } from '../../command.ts';
import { UsageError } from '../../failure.ts';
import { required, text, value } from '../../parameter.ts';
import { blOptions, connectBlaxel } from './option.ts';
import { imageReferenceOf } from './resource.ts';

const { workspace: _, ...others } = blOptions;
const options = {
  ...others,
  target: value('-w, --workspace <name>', 'the workspace that uses the image', text),
  account: value('--account <id>', 'account of that workspace, which has to accept', text),
};
const image = required('image', 'sandbox/NAME, without a tag');

/** A share is of all tags, and of one image with one workspace. */
function readShare(reference: string, target: string | undefined): { name: string; target: string } {
  const { name, tag } = imageReferenceOf(reference);
  if (tag !== undefined)
    throw new UsageError(`sharing a specific tag is not supported, remove ':${tag}' from the reference`);
  if (target === undefined) throw new UsageError('--workspace says which workspace uses the image');
  return { name, target };
}

const shareImage = command({
  name: 'image',
  summary: 'let another workspace use an image with all its tags',
  examples: ['share image sandbox/mytemplate --workspace production'],
  args: { image },
  options,
  failure: 'share image',
  run: async ({ args, options: chosen, context }) => {
    const { name, target } = readShare(args.image, chosen.target);
    const body = { targetWorkspace: target, targetAccountId: chosen.account };
    const params = { resourceType: 'sandbox' as const, name };
    const { signal } = context;
    const made = await connectBlaxel(context).call(protocol.shareBlaxelImage, { params, body }, { signal });
    await context.output.line(
      'metadata' in made
        ? `Image sandbox/${name} shared with workspace ${target}`
        : `Image sandbox/${name} offered to workspace ${target} (${made.id})`,
    );
  },
});

const unshareImage = command({
  name: 'image',
  summary: 'end a share; sandboxes that run go on',
  examples: ['unshare image sandbox/mytemplate --workspace production'],
  args: { image },
  options: { ...others, target: options.target },
  failure: 'unshare image',
  run: async ({ args, options: chosen, context }) => {
    const { name, target } = readShare(args.image, chosen.target);
    const params = { resourceType: 'sandbox' as const, name, target };
    const { signal } = context;
    await connectBlaxel(context).call(protocol.unshareBlaxelImage, { params }, { signal });
    await context.output.line(`Image sandbox/${name} unshared from workspace ${target}`);
  },
});

export const share = group({
  name: 'share',
  summary: 'let other workspaces use images',
  commands: [shareImage],
});
export const unshare = group({
  name: 'unshare',
  summary: 'take back what was shared',
  commands: [unshareImage],
});
