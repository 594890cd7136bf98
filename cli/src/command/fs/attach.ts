import { command } from '../../command.ts';
import { UsageError } from '../../failure.ts';
import { parseMount } from '../../option/file-system.ts';
import { sandbox } from '../../option/sandbox.ts';
import { required } from '../../parameter.ts';

export const attach = command({
  name: 'attach',
  summary: 'mount a file system into a sandbox while it runs',
  examples: ['fs attach my-env skills:/mnt/skills'],
  args: { sandbox, mount: required('name:/path[:ro]', 'what to mount where') },
  options: {},
  failure: 'attach file system',
  run: async ({ args, context }) => {
    const { output, sandboxes, signal } = context;
    const info = await sandboxes.attachFileSystem(args.sandbox, parse(args.mount), { signal });
    await output.result(info, () => args.sandbox);
  },
});

function parse(given: string): ReturnType<typeof parseMount> {
  try {
    return parseMount(given);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
