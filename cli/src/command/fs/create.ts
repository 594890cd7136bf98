import { command } from '../../command.ts';
import { required, text, value } from '../../parameter.ts';
import { toVolumeFields, volumeOptions } from './option.ts';

export const create = command({
  name: 'create',
  aliases: ['new'],
  summary: 'make a file system and print its id',
  examples: ['fs create skills --size 2048', 'fs create skills-2 -s SNAPSHOT'],
  args: { name: required('name', 'letters, digits, "." and "-"') },
  options: {
    ...volumeOptions,
    snapshot: value('-s, --snapshot <id>', 'begin with what this snapshot of a file system holds', text),
  },
  failure: 'create file system',
  run: async ({ args, options, context }) => {
    const { output, sandboxes, signal } = context;
    const { snapshot } = options;
    const made = await sandboxes.fileSystems.create(
      {
        name: args.name,
        ...toVolumeFields(options),
        ...(snapshot !== undefined && { snapshotId: snapshot }),
      },
      { signal },
    );
    await output.result(made, () => made.id);
  },
});
