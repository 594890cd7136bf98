import { command } from '../../command.ts';
import { required } from '../../parameter.ts';

export const tag = command({
  name: 'tag',
  summary: 'give an image one more name',
  examples: ['image tag my-image my-image:v1', 'image tag tensorlake/debian-minimal base'],
  args: {
    image: required('image', 'name or id of the image'),
    name: required('name', 'the further name, REPOSITORY[:TAG]'),
  },
  options: {},
  failure: 'tag image',
  run: async ({ args, context }) => {
    const image = await context.admin.tagImage(args.image, args.name, { signal: context.signal });
    await context.output.result(image, () => image.name);
  },
});
