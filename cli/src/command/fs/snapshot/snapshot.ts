import { command, group } from '../../../command.ts';
import { fileSystem } from '../../../option/file-system.ts';
import { text, value } from '../../../parameter.ts';
import { ls } from './ls.ts';
import { rm } from './rm.ts';

const take = command({
  name: 'snapshot',
  summary: 'keep what a file system holds now, and print the id of the snapshot',
  examples: ['fs snapshot skills', 'fs create skills-2 --snapshot SNAPSHOT', 'fs snapshot ls skills'],
  args: { fileSystem },
  options: { description: value('--description <text>', 'what it is for', text) },
  failure: 'take snapshot of file system',
  run: async ({ args, options, context }) => {
    const { output, sandboxes, signal } = context;
    const { description } = options;
    const taken = await output.progress(`Copying file system ${args.fileSystem}`, () =>
      sandboxes.fileSystems.snapshot(args.fileSystem, {
        signal,
        ...(description !== undefined && { description }),
      }),
    );
    await output.result(taken, () => taken.id);
  },
});

export const snapshot = group({
  name: 'snapshot',
  summary: 'keep what a file system holds now, and see what was kept',
  commands: [ls, rm],
  self: take,
});
