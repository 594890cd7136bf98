import { join } from 'node:path';

/** A program of the host that sees one directory, at /target, and nothing else of the host's files. */
export interface Jailed {
  /** An empty directory on the host, for the mount point of the jail. */
  empty: string;
  target: string;
  access: 'ro' | 'rw';
  /** What of root's capabilities the program keeps, without `CAP_`. */
  capabilities: readonly string[];
  argv: readonly string[];
}

const namespaces = ['--mount', '--propagation', 'private', '--net', '--pid', '--ipc', '--uts'];
const script = join(import.meta.dirname, 'jail.sh');

/** The command line that runs it. Killing its process ends all of it. */
export function jailCommand({ empty, target, access, capabilities, argv }: Jailed): [string, ...string[]] {
  const kept = capabilities.map((name) => `,+${name}`).join('');
  const unshare = ['unshare', ...namespaces, '--fork', '--kill-child=SIGKILL', '--'] as const;
  return [...unshare, script, empty, target, access, kept, ...argv];
}
