import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { OutputPipes } from './pipe.ts';

/**
 * Joins the cgroups whose files come before `--`, then becomes the command after it. So the command and all it
 * starts are in the slot's groups from their first instant, and a server that dies loses sight of nothing.
 */
const JOIN_AND_EXEC = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 125; shift; done; shift; exec "$@"';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface LaunchOptions {
  env?: Record<string, string>;
  /** Absent: what Node makes, which are sockets. */
  output?: OutputPipes;
}

/** Starts a command inside cgroups; its standard output and error can be read from what is returned. */
export function launchInCgroup(
  joinFiles: readonly string[],
  argv: readonly string[],
  { env = {}, output }: LaunchOptions = {},
): ChildProcess {
  const [stdout, stderr] = output?.writers ?? (['pipe', 'pipe'] as const);
  const child = spawn('/bin/sh', ['-c', JOIN_AND_EXEC, 'sh', ...joinFiles, '--', ...argv], {
    stdio: ['ignore', stdout, stderr],
    // A signal to the server's process group is not meant for sandboxes.
    detached: true,
    env: { PATH, ...env },
  });
  output?.closeWriters();
  if (output !== undefined) Object.assign(child, { stdout: output.stdout, stderr: output.stderr });
  // Who waits for the end of the command sees the error; before that nobody may be listening.
  child.on('error', () => {});
  return child;
}
