import { command } from '../../command.ts';
import { UsageError } from '../../failure.ts';
import { fileSystem } from '../../option/file-system.ts';
import { text, value } from '../../parameter.ts';
import { toVolumeFields, volumeOptions } from './option.ts';

export const update = command({
  name: 'update',
  summary: 'rename, describe or label a file system, or let it grow while no sandbox has it',
  examples: ['fs update skills --size 4096', 'fs update skills --name skills-old'],
  args: { fileSystem },
  options: { name: value('--name <name>', 'a new name', text), ...volumeOptions },
  failure: 'update file system',
  run: async ({ args, options, context }) => {
    const { output, sandboxes, signal } = context;
    const { name } = options;
    const changes = { ...toVolumeFields(options), ...(name !== undefined && { name }) };
    if (Object.keys(changes).length === 0) throw new UsageError('nothing to change');
    const changed = await sandboxes.fileSystems.update(args.fileSystem, changes, { signal });
    await output.result(changed, () => changed.name);
  },
});
