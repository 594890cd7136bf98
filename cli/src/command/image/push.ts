import { command } from '../../command.ts';
import { formatBytes } from '../../output/format.ts';
import { required } from '../../parameter.ts';

export const push = command({
  name: 'push',
  summary: 'copy an image into another registry, with the credentials that docker has',
  examples: ['image push data-tools ghcr.io/org/data-tools:1.0', 'image push app localhost:5000/app'],
  args: {
    image: required('image', 'name or id of the image'),
    reference: required('reference', 'REGISTRY/REPOSITORY[:TAG]'),
  },
  options: {},
  failure: 'push image',
  run: async ({ args, context }) => {
    const { output, signal } = context;
    await context.admin.pushImage(args.image, args.reference, {
      signal,
      onBlob: ({ digest, sizeBytes, wasThere }) =>
        output.note(`${digest.slice(0, 19)}: ${formatBytes(sizeBytes)} ${wasThere ? 'is there' : 'pushed'}`),
    });
    await output.result({ image: args.image, reference: args.reference }, () => args.reference);
  },
});
