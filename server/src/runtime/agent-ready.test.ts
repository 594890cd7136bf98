import { expect, test } from 'vitest';
import { startProgram } from '../lib/program.ts';
import type { Program } from '../lib/program.ts';
import { awaitAgentReady, awaitSuccess } from './agent-ready.ts';

const sh = (script: string): Program => startProgram(['/bin/sh', '-c', script], { isDetached: true });
const ready = `echo '{"event":"ready","port":9501}'`;
const options = { timeoutMs: 5_000, signal: new AbortController().signal };

test('the port is that of the ready line, whatever else is printed', async () => {
  const child = sh(`echo starting; echo '{"event":"other"}'; ${ready}; sleep 5`);
  expect(await awaitAgentReady(child, { ...options, handsOver: false })).toBe(9501);
  child.kill();
});

test('a command that hands over must end well besides', async () => {
  const child = sh(`${ready}; echo broken >&2; exit 4`);
  await expect(awaitAgentReady(child, { ...options, handsOver: true })).rejects.toThrow(
    'the command ended with exit code 4: broken',
  );
});

test('an agent that ends before it is ready has its last words in the error', async () => {
  const child = sh('echo no config >&2; exit 0');
  await expect(awaitAgentReady(child, { ...options, handsOver: false })).rejects.toThrow(
    'the agent ended before it was ready: no config',
  );
});

test('an agent that says nothing is given up at the deadline', async () => {
  const child = sh('exec sleep 5');
  await expect(awaitAgentReady(child, { ...options, timeoutMs: 50, handsOver: false })).rejects.toThrow(
    'no answer after 50 ms',
  );
  child.kill();
});

test('an abort ends the wait with its reason', async () => {
  const child = sh('exec sleep 5');
  const signal = AbortSignal.abort(new Error('no longer wanted'));
  await expect(awaitSuccess(child, { ...options, signal })).rejects.toThrow('no longer wanted');
  child.kill();
});

test('a command whose output stays open succeeds when it ends', async () => {
  const child = sh('sleep 5 & echo $!');
  let pid = '';
  child.stdout.on('data', (chunk: Buffer) => (pid += chunk.toString()));
  await awaitSuccess(child, options);
  process.kill(Number(pid), 'SIGKILL');
});
