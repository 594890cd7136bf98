import { command } from '../../command.ts';
import { plural } from '../../output/format.ts';
import { rest } from '../../parameter.ts';

export const rm = command({
  name: 'rm',
  aliases: ['delete'],
  summary: 'take away names of images; running sandboxes keep theirs',
  examples: ['image rm my-image:v1', 'image rm image_4f0ha2'],
  args: { images: rest('image', 'name, or an id for an image with all its names') },
  options: {},
  failure: 'remove image',
  run: async ({ args, context }) => {
    for (const image of args.images) await context.admin.removeImage(image, { signal: context.signal });
    await context.output.result(
      { removed: args.images },
      () => `Removed ${plural(args.images.length, 'image')}.`,
    );
  },
});
