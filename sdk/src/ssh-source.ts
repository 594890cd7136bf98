import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SandboxError } from './errors.ts';
import { startKeyAgent } from './ssh-key-agent.ts';

/**
 * An SSH agent to lend to a build: `true` for the one that this process has (`SSH_AUTH_SOCK`), the path of an agent's
 * socket, or those of private keys, which an agent of this machine then holds until the build ends.
 */
export type SshSource = true | string | readonly string[];

export interface SshAgents {
  /** Sockets, by the names that the build gives them. */
  agents: ReadonlyMap<string, string>;
  /** Ends the agents that were started for it. */
  close(): void;
}

/** Finds or starts the agents that are to be lent. */
export async function openSshAgents(
  sources: Readonly<Record<string, SshSource>>,
  signal: AbortSignal | undefined,
): Promise<SshAgents> {
  const agents = new Map<string, string>();
  const started: (() => void)[] = [];
  const close = (): void => started.splice(0).forEach((end) => end());
  try {
    for (const [name, source] of Object.entries(sources)) {
      const paths = source === true ? [ownAgent()] : [source].flat();
      const [first = ''] = paths;
      if (paths.length === 1 && (await isSocket(first))) agents.set(name, first);
      else {
        const agent = await startKeyAgent(paths, signal);
        started.push(agent.close);
        agents.set(name, agent.path);
      }
    }
    return { agents, close };
  } catch (error) {
    close();
    throw error;
  }
}

function ownAgent(): string {
  const path = process.env['SSH_AUTH_SOCK'];
  if (path) return path;
  throw new SandboxError('there is no SSH agent to lend: SSH_AUTH_SOCK is not set', {
    hint: 'Start one with ssh-agent, or name a private key, as in --ssh default=FILE.',
  });
}

async function isSocket(path: string): Promise<boolean> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new SandboxError(`the SSH agent or key ${path} cannot be used: ${why}`, { cause });
  });
  return found.isSocket();
}

/** Whether a Dockerfile fetches a repository over SSH, as far as its text says so. */
export const needsKnownHosts = (dockerfile: string): boolean => OVER_SSH.test(dockerfile);

const OVER_SSH = /^\s*ADD\s(?:.*[\s"])?(?:(?:git\+)?ssh:\/\/|[\w.-]+@[\w.-]+:)/im;

/**
 * The hosts that this user knows. Only for a Dockerfile that fetches a repository over SSH: which hosts somebody knows is
 * for nobody else.
 */
export async function readKnownHosts(dockerfile: string): Promise<string | undefined> {
  if (!needsKnownHosts(dockerfile)) return undefined;
  return readFile(join(homedir(), '.ssh', 'known_hosts'), 'utf8').catch(() => undefined);
}
