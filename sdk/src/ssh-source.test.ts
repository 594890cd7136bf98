import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSshAgent } from './ssh-agent-connection.ts';
import { needsKnownHosts, openSshAgents } from './ssh-source.ts';

let folder: string;
const key = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atoll-test-'));
  for (const name of ['one', 'two'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key(name)]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const refused = new Uint8Array([5]);

test('private keys are lent by an agent of their own, which ends with its use', async () => {
  const { agents, close } = await openSshAgents({ default: [key('one'), key('two')] }, undefined);
  const path = agents.get('default') ?? '';
  const agent = await openSshAgent(path);
  const said = Buffer.from(await agent.ask(Buffer.from([11])));
  expect([said[0], said.readUInt32BE(1)]).toEqual([12, 2]);
  close();
  // The agent takes its connections along, once the signal has reached it.
  const asked = (): Promise<string> =>
    agent.ask(Buffer.from([11])).then(
      () => 'answered',
      () => 'ended',
    );
  await expect.poll(asked).toBe('ended');
  const again = connect(path);
  await expect(once(again, 'connect')).rejects.toThrow();
});

test('an agent is asked for keys and signatures, and for nothing else', async () => {
  const { agents, close } = await openSshAgents({ default: key('one') }, undefined);
  const agent = await openSshAgent(agents.get('default') ?? '');
  const bind = Buffer.concat([Buffer.from([27, 0, 0, 0, 24]), Buffer.from('session-bind@openssh.com')]);
  const other = Buffer.concat([Buffer.from([27, 0, 0, 0, 5]), Buffer.from('query')]);
  // What removes, adds or locks keys, and what is no message at all.
  for (const message of [[19], [17, 0], [22, 0, 0, 0, 0], [1], [27], []])
    expect(await agent.ask(Buffer.from(message))).toEqual(refused);
  expect(await agent.ask(other)).toEqual(refused);
  // The agent's own refusal: the binding is cut short.
  expect([5, 28]).toContain((await agent.ask(bind))[0]);
  expect(Buffer.from(await agent.ask(Buffer.from([11]))).readUInt32BE(1)).toBe(1);
  agent.close();
  close();
});

test('what cannot be lent says why', async () => {
  const open = (source: string) => openSshAgents({ default: source }, undefined);
  await expect(open(key('none'))).rejects.toThrow('there is no such file');
  await expect(open(key('one.pub'))).rejects.toThrow(/the key .*one\.pub cannot be lent/);
});

test('known hosts are looked for where ADD fetches over SSH', () => {
  const over = ['ADD git@example.com:r.git /', 'add --chown=1:1 ssh://git@h:22/r /r', 'ADD ["git@h:r", "/"]'];
  const not = [
    'ADD https://u@h:8443/r.git /',
    'RUN git clone git@h:r',
    'COPY git@h:r /',
    'FROM a@sha256:b',
    '# ADD ssh://h/r .',
  ];
  expect(over.map(needsKnownHosts)).toEqual([true, true, true]);
  expect(not.map(needsKnownHosts)).toEqual([false, false, false, false, false]);
});
