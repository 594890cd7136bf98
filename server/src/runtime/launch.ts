import { startProgram } from '../lib/program.ts';
import type { Program } from '../lib/program.ts';

/**
 * Joins the cgroups whose files come before `--`, then becomes the command after it. So the command and all it
 * starts are in the slot's groups from their first instant, and a server that dies loses sight of nothing.
 */
const JOIN_AND_EXEC = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 125; shift; done; shift; exec "$@"';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Starts a command inside cgroups. It outlives this process, and a signal to the server's process group is not meant for
 * it; its standard output and error can be read until it is hung up on.
 */
export function launchInCgroup(
  joinFiles: readonly string[],
  argv: readonly string[],
  env: Record<string, string> = {},
): Program {
  return startProgram(['/bin/sh', '-c', JOIN_AND_EXEC, 'sh', ...joinFiles, '--', ...argv], {
    isDetached: true,
    env: { PATH, ...env },
  });
}
