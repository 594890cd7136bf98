import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

export interface ChildStream {
  stdout: Readable;
  /** Resolves when the program has ended well; rejects with the end of what it said. */
  ended: Promise<void>;
}

export interface ChildOptions {
  env?: Record<string, string>;
  signal: AbortSignal;
}

/**
 * Runs a program in mount and process namespaces that end with it: after a kill -9 nothing of it goes on, and
 * no mount of the host's /dev or /proc is left in a folder that the next build removes.
 */
export const contained = [
  'unshare',
  '--mount',
  '--propagation=private',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
] as const;

const SAID_LIMIT = 4000;

/** Starts a program whose output is too big to collect. Its standard error is passed on to ours. */
export function spawnStream(argv: readonly [string, ...string[]], options: ChildOptions): ChildStream {
  const [command, ...args] = argv;
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    signal: options.signal,
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    process.stderr.write(chunk);
    said = (said + chunk.toString()).slice(-SAID_LIMIT);
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`${command}: ${error.message}`, { cause: error })));
    child.once('close', (code, signal) => {
      if (code === 0) return resolve();
      reject(
        new Error(
          `${command}: ${code === null ? `killed by ${signal}` : `exit code ${code}`}: ${said.trim()}`,
        ),
      );
    });
  });
  return { stdout: child.stdout, ended };
}
