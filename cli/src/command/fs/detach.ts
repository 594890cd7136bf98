import { command } from '../../command.ts';
import { sandbox } from '../../option/sandbox.ts';
import { required } from '../../parameter.ts';

export const detach = command({
  name: 'detach',
  summary: 'take a file system that was attached out of a sandbox again',
  args: { sandbox, path: required('path', 'where it is mounted') },
  options: {},
  failure: 'detach file system',
  run: async ({ args, context }) => {
    const { output, sandboxes, signal } = context;
    const info = await sandboxes.detachFileSystem(args.sandbox, args.path, { signal });
    await output.result(info, () => args.sandbox);
  },
});
