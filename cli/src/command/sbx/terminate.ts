import { command } from '../../command.ts';
import { describeFailure, exitCodes, formatFailure } from '../../failure.ts';
import { rest } from '../../parameter.ts';

export const terminate = command({
  name: 'terminate',
  aliases: ['stop', 'rm'],
  summary: 'end sandboxes for good',
  args: { sandboxes: rest('sandbox', 'ids or names') },
  options: {},
  failure: 'terminate sandbox',
  run: async ({ args, context }) => {
    const { output, sandboxes, signal } = context;
    const terminated: string[] = [];
    for (const id of args.sandboxes) {
      try {
        await sandboxes.delete(id, { signal });
      } catch (error) {
        if (signal.aborted || args.sandboxes.length === 1) throw error;
        await output.writeError(`${formatFailure(describeFailure(error, `terminate ${id}`), output.json)}\n`);
        continue;
      }
      terminated.push(id);
      if (!output.json) await output.line(id);
    }
    if (output.json) await output.result({ terminated }, () => '');
    return terminated.length === args.sandboxes.length ? exitCodes.ok : exitCodes.error;
  },
});
