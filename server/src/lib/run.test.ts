import { expect, test } from 'vitest';
import { CommandError, run } from './run.ts';

test('a command gives its output and takes input', async () => {
  const result = await run(['cat'], { timeoutMs: 5_000, input: 'hello\n' });
  expect(result.stdout).toBe('hello\n');
});

test('a command that fails says what it was, how it ended and what it said', async () => {
  const failed = run(['sh', '-c', 'echo no good >&2; exit 3'], { timeoutMs: 5_000 });
  await expect(failed).rejects.toThrow('exit code 3: no good');
  await expect(failed).rejects.toMatchObject({ exitCode: 3 });
});

test('a command past its deadline is killed', async () => {
  await expect(run(['sleep', '10'], { timeoutMs: 50 })).rejects.toThrow('no end after 50 ms');
});

test('an aborted command ends as aborted', async () => {
  const controller = new AbortController();
  const waiting = run(['sleep', '10'], { timeoutMs: 5_000, signal: controller.signal });
  controller.abort();
  await expect(waiting).rejects.toThrow('aborted');
});

test('a program that says more than can be held fails instead of losing a part', async () => {
  const flood = run(['head', '-c', '17000000', '/dev/zero'], { timeoutMs: 10_000 });
  await expect(flood).rejects.toThrow('more than 16777216 bytes of output');
});

test('a program that does not exist is a CommandError', async () => {
  await expect(run(['/no/such/program'], { timeoutMs: 5_000 })).rejects.toBeInstanceOf(CommandError);
});

test('a program that reads none of its input ends by its own exit code', async () => {
  const result = await run(['true'], { timeoutMs: 5_000, input: 'x'.repeat(1_000_000) });
  expect(result.stdout).toBe('');
});
