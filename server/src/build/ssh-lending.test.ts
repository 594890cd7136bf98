import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { readSshAgentMessages, toSshAgentMessage } from '@atoll/protocol';
import type { SshEvent } from '@atoll/protocol';
import { afterEach, expect, test } from 'vitest';
import { createSshLending } from './ssh-lending.ts';

type Lending = ReturnType<typeof createSshLending>;

const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

/** A process of a step, connected to an agent that is lent as `default`. */
async function connectTo({ serve }: Pick<ReturnType<Lending['open']>, 'serve'>) {
  const server = createServer((connection) => serve(connection)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const process = connect((server.address() as AddressInfo).port, '127.0.0.1'); // a TCP server has no other kind
  ends.push(() => {
    process.destroy();
    server.close();
  });
  const answers = readSshAgentMessages(process);
  return {
    process,
    says: (bytes: Uint8Array): Socket => (process.write(bytes), process),
    hears: async () => (await answers.next()).value as Uint8Array | undefined,
  };
}

const SIGN = '\x0d';
const ask = (text: string): Uint8Array => toSshAgentMessage(Buffer.from(SIGN + text));
const textOf = (event: SshEvent | undefined | void): string =>
  event?.type === 'request' ? Buffer.from(event.message, 'base64').toString().slice(1) : String(event?.type);

const textIn = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();
const refused = Buffer.of(5);

function lendTo(lending: Lending) {
  const client = new AbortController();
  ends.push(() => client.abort());
  const events = lending.lend(client.signal);
  return {
    leave: () => client.abort(),
    next: async () => (await events.next()).value as SshEvent | undefined,
    isOver: async () => (await events.next()).done,
  };
}

function answer(lending: Lending, event: SshEvent | undefined, text: string): void {
  if (event?.type !== 'request') throw new Error('there is nothing to answer');
  lending.answer({ request: event.request, message: Buffer.from(text).toString('base64') });
}

test('what processes ask goes to the client, one message of a connection at a time', async () => {
  const lending = createSshLending(['default']);
  const [one, two] = [await connectTo(lending.open('default')), await connectTo(lending.open('default'))];
  const client = lendTo(lending);
  one.says(Buffer.concat([ask('a'), ask('b')]));
  const first = await client.next();
  two.says(ask('c'));
  const second = await client.next();
  expect([first, second].map(textOf)).toEqual(['a', 'c']);
  answer(lending, second, 'C');
  answer(lending, first, 'A');
  expect([textIn(await one.hears()), textIn(await two.hears())]).toEqual(['A', 'C']);
  expect(textOf(await client.next())).toBe('b');
});

test('a client that comes late or comes back is told what is not answered', async () => {
  const lending = createSshLending(['default']);
  const { says, hears } = await connectTo(lending.open('default'));
  says(ask('a'));
  const gone = lendTo(lending);
  expect(textOf(await gone.next())).toBe('a');
  gone.leave();
  const back = lendTo(lending);
  const event = await back.next();
  expect(textOf(event)).toBe('a');
  answer(lending, event, 'A');
  expect(textIn(await hears())).toBe('A');
});

test('what nobody answers in time is refused, and the step knows why', async () => {
  const lending = createSshLending(['default'], { takeWithinMs: 1, answerWithinMs: 1 });
  const agent = lending.open('default');
  const { says, hears } = await connectTo(agent);
  says(ask('a'));
  expect(await hears()).toEqual(refused);
  expect(agent.trouble()).toBe('the client that lends the SSH agent default is gone');
  const late = lending.open('default');
  const other = await connectTo(late);
  lendTo(lending);
  other.says(ask('a'));
  expect(await other.hears()).toEqual(refused);
  expect(late.trouble()).toBe('the client that lends the SSH agent default did not answer in time');
});

test('a process that leaves is no trouble, and what it asked is taken back', async () => {
  const lending = createSshLending(['default']);
  const agent = lending.open('default');
  const client = lendTo(lending);
  const [heard, unheard] = [await connectTo(agent), await connectTo(agent)];
  heard.says(ask('a'));
  expect(textOf(await client.next())).toBe('a');
  unheard.says(ask('b'));
  await expect.poll(() => unheard.process.bytesWritten).toBeGreaterThan(0);
  for (const { process } of [unheard, heard]) {
    process.destroy();
    await once(process, 'close');
  }
  // Whether the second one was read before it left is nobody's to say: what was told of is also told to have ended.
  let event = await client.next();
  if (textOf(event) === 'b') event = await client.next();
  expect(event?.type).toBe('closed');
  expect(agent.trouble()).toBeUndefined();
});

test('what is more than using keys is refused without asking the client', async () => {
  const lending = createSshLending(['default']);
  const agent = lending.open('default');
  const { says, hears } = await connectTo(agent);
  const client = lendTo(lending);
  says(toSshAgentMessage(Uint8Array.of(19)));
  expect(await hears()).toEqual(refused);
  says(ask('a'));
  expect(textOf(await client.next())).toBe('a');
  expect(agent.trouble()).toBeUndefined();
});

test('a client that was away hears which of its connections have ended', async () => {
  const lending = createSshLending(['default']);
  const { process, says } = await connectTo(lending.open('default'));
  says(ask('a'));
  const gone = lendTo(lending);
  expect(textOf(await gone.next())).toBe('a');
  gone.leave();
  expect(await gone.isOver()).toBe(true);
  process.destroy();
  await once(process, 'close');
  const back = lendTo(lending);
  let event = await back.next();
  // It may come back before the end is noticed.
  if (textOf(event) === 'a') event = await back.next();
  expect(event?.type).toBe('closed');
});

test('a process that wants more connections than there are is turned away, and the step knows why', async () => {
  const agent = createSshLending(['default']).open('default');
  const processes = await Promise.all(Array.from({ length: 65 }, () => connectTo(agent)));
  const turnedAway = processes.map(({ process }) => once(process.resume(), 'close'));
  await Promise.race(turnedAway);
  expect(agent.trouble()).toBe('more than 64 connections at once');
});

test('who does not speak as to an agent is cut off', async () => {
  const { process, says } = await connectTo(createSshLending(['default']).open('default'));
  says(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  await once(process.resume(), 'close');
});

test('a client that comes back takes the place of what is left of it', async () => {
  const lending = createSshLending(['default']);
  const { says, hears } = await connectTo(lending.open('default'));
  says(ask('a'));
  const broken = lendTo(lending);
  expect(textOf(await broken.next())).toBe('a');
  const back = lendTo(lending);
  const event = await back.next();
  expect(textOf(event)).toBe('a');
  expect(await broken.isOver()).toBe(true);
  broken.leave();
  says(ask('b'));
  answer(lending, event, 'A');
  expect(textIn(await hears())).toBe('A');
  expect(textOf(await back.next())).toBe('b');
});

test('lending ends with the build, and is said to go on until then', async () => {
  const lending = createSshLending(['default'], { idleMs: 1 });
  const client = lendTo(lending);
  expect(await client.next()).toBeUndefined();
  lending.end();
  expect(await client.isOver()).toBe(true);
  const rest = lending.lend(AbortSignal.timeout(1000));
  expect((await rest.next()).done).toBe(true);
});

test('a build that was begun without agents borrows none', () => {
  const lending = createSshLending([]);
  expect(lending.has('default')).toBe(false);
  expect(() => lending.lend(AbortSignal.timeout(1000))).toThrow('without SSH agents');
});
