import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface TlRun {
  /** The program and its first arguments, as `installTl` tells. */
  tl: readonly string[];
  env: Readonly<Record<string, string>>;
  timeoutMs: number;
}

/** Runs `tl sbx image …` to its end. */
export async function runTlImage({ tl, env, timeoutMs }: TlRun, ...args: string[]) {
  const [command = '', ...prefix] = tl;
  const child = spawn(command, [...prefix, 'sbx', 'image', ...args], {
    env: { HOME: '/nonexistent', PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { exit: child.exitCode, stdout, stderr };
}
