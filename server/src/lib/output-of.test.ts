import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { outputOf } from './output-of.ts';

const signal = new AbortController().signal;

async function read(argv: [string, ...string[]], options: object = {}): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of outputOf(argv, { timeoutMs: 5_000, signal, ...options })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('all that a program prints arrives', async () => {
  expect((await read(['head', '-c', '1000000', '/dev/zero'])).length).toBe(1_000_000);
});

test('a program that fails ends its output with what it said', async () => {
  await expect(read(['sh', '-c', 'echo half; echo why >&2; exit 3'])).rejects.toThrow('exit code 3: why');
});

test('a program that is not there is an error', async () => {
  await expect(read(['/nowhere/program'])).rejects.toThrow('ENOENT');
});

test('a program that takes too long is killed', async () => {
  await expect(read(['sleep', '60'], { timeoutMs: 50 })).rejects.toThrow();
});

test('a reader that stops ends the program', async () => {
  const output = outputOf(['yes'], { timeoutMs: 60_000, signal });
  await output.next();
  await expect(output.return()).resolves.toEqual({ done: true, value: undefined });
});

test('a signal that has aborted starts nothing', async () => {
  const file = join(tmpdir(), `atoll-started-${process.pid}`);
  await expect(read(['touch', file], { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
  expect(existsSync(file)).toBe(false);
});
