import * as protocol from '@atoll/protocol';
import { command } from '../../command.ts';
import { required, rest } from '../../parameter.ts';
import { blOptions, connectBlaxel } from './option.ts';
import { imageReferenceOf, resourceOf } from './resource.ts';

export const remove = command({
  name: 'delete',
  summary: 'delete sandboxes, images or tags of images',
  examples: ['delete sandbox my-sandbox', 'delete image sandbox/mytemplate:v1'],
  args: {
    resource: required('resource', 'sandbox or image'),
    names: rest('name', 'of a sandbox, or sandbox/NAME[:TAG] of an image'),
  },
  options: blOptions,
  failure: 'delete',
  run: async ({ args, options, context }) => {
    const connection = connectBlaxel(context, options);
    const resource = resourceOf(args.resource, ['sandbox', 'image']);
    const { signal } = context;
    for (const given of args.names) {
      if (resource === 'sandbox') {
        await connection.call(
          protocol.deleteBlaxelSandbox,
          { params: { name: given }, query: {} },
          { signal },
        );
        await context.output.line(`Sandbox ${given} deleted`);
        continue;
      }
      const { name, tag } = imageReferenceOf(given);
      const params = { resourceType: '_' as const, name };
      if (tag === undefined) await connection.call(protocol.deleteBlaxelImage, { params }, { signal });
      else await connection.call(protocol.deleteBlaxelImageTag, { params: { ...params, tag } }, { signal });
      await context.output.line(
        tag === undefined
          ? `Image sandbox/${name} deleted (all tags)`
          : `Image tag sandbox/${name}:${tag} deleted`,
      );
    }
  },
});
