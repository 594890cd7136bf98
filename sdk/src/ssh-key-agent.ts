import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SandboxError } from './errors.ts';

/** An SSH agent of this process alone. */
export interface KeyAgent {
  path: string;
  close(): void;
}

/**
 * What `ssh-agent` runs: it adds the keys, whose passphrases ssh-add asks the terminal for, says that it has, and stays until
 * its input ends, which it does with this process however that ends. Then it takes the agent along.
 */
const HOLD_KEYS = 'ssh-add -q -- "$@" </dev/null >&2 && echo ready && cat >/dev/null; kill "$SSH_AGENT_PID"';
const MAX_REASON_CHARS = 1000;

/** Starts an agent that holds private keys, by the programs of OpenSSH. */
export async function startKeyAgent(
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<KeyAgent> {
  const folder = await mkdtemp(join(tmpdir(), 'atoll-ssh-'));
  const path = join(folder, 'agent');
  const child = spawn('ssh-agent', ['-a', path, 'sh', '-c', HOLD_KEYS, 'sh', ...keys], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const close = (): void => {
    child.stdin.destroy();
    void rm(folder, { recursive: true, force: true });
  };
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MAX_REASON_CHARS);
  });
  child.stdin.on('error', () => {});
  const ready = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.stdout.once('data', () => resolve());
    child.once('close', () => reject(new Error(said.trim() || 'ssh-agent ended')));
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    signal?.throwIfAborted();
    await ready;
    return { path, close };
  } catch (cause) {
    child.kill();
    close();
    signal?.throwIfAborted();
    throw unusable(keys, cause);
  }
}

function unusable(keys: readonly string[], cause: unknown): SandboxError {
  const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SandboxError(
    `the key ${keys.join(', ')} cannot be lent: ${isMissing ? 'ssh-agent is missing' : why}`,
    {
      cause,
      hint: isMissing ? 'Install the client of OpenSSH.' : 'Check it with ssh-add.',
    },
  );
}
