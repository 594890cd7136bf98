import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { readJournal } from './journal-stream.ts';
import type { AgentLine, JournalHead } from './journal-stream.ts';

const journal = 'a'.repeat(32);
const head = `${JSON.stringify({ journal, after: 4 })}\n`;
const line = (seq: number): string =>
  `${JSON.stringify({ seq, at: 1, process: '1-a', stream: 1, text: `line ${seq}` })}\n`;

/** Reads from something that answers in an agent's place. */
async function readFrom(answer: RequestListener, signal = AbortSignal.timeout(30_000)) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const heads: JournalHead[] = [];
  const lines: AgentLine[] = [];
  const end = await readJournal({
    endpoint: { host: '127.0.0.1', port },
    token: 't',
    seen: { journal, after: 4 },
    follow: true,
    signal,
    onHead: (found) => heads.push(found),
    onLines: async (found) => void lines.push(...found),
  });
  return { end, heads, lines };
}

test('lines come whole however they are cut, and what newer agents may tell is left aside', async () => {
  const { end, heads, lines } = await readFrom(async ({ url }, response) => {
    expect(url).toBe(`/internal/v1/logs?seen=${journal}&after=4&follow=true`);
    const text = `${head}{}\n${line(5)}{"novel":1}\n${line(6)}`;
    for (const piece of text.match(/.{1,7}/gs) ?? []) {
      response.write(piece);
      await new Promise(setImmediate);
    }
    response.end();
  });
  expect(end).toBe('ended');
  expect(heads).toEqual([{ journal, after: 4 }]);
  expect(lines.map(({ text }) => text)).toEqual(['line 5', 'line 6']);
});

test('an agent that keeps no journal is told apart from one that is gone', async () => {
  expect((await readFrom((_request, response) => void response.writeHead(404).end())).end).toBe('unknown');
  expect((await readFrom(({ socket }) => void socket.destroy())).end).toBe('ended');
});

test.each<[string, (response: ServerResponse) => void]>([
  ['a line without an end', (response) => pour(response, 'x'.repeat(64 * 1024))],
  ['what is no JSON', (response) => response.write(`${head}no\n`)],
  ['a head that is none', (response) => response.write('{"journal":"../..","after":0}\n')],
  ['lines without a head', (response) => response.write(line(1))],
])('%s ends the reading', async (_name, say) => {
  const { end, lines } = await readFrom((_request, response) => {
    response.on('error', () => {});
    say(response);
  });
  expect([end, lines]).toEqual(['ended', []]);
});

/** As fast as the reader takes it. */
function pour(response: ServerResponse, text: string): void {
  while (!response.destroyed && response.write(text));
  if (!response.destroyed) response.once('drain', () => pour(response, text));
}

test('no more is taken from an agent while what was taken is not written', async () => {
  let sent = 0;
  const released = Promise.withResolvers<void>();
  const stalled = Promise.withResolvers<void>();
  const server = createServer((_request, response) => {
    response.write(head);
    const text = line(5).repeat(1_000);
    const more = (): void => {
      for (let room = true; room && sent < 64 * 1024 ** 2; sent += text.length) room = response.write(text);
      stalled.resolve();
      response.once('drain', more);
    };
    more();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const stop = new AbortController();
  const reading = readJournal({
    endpoint: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, // it listens on TCP
    token: 't',
    seen: { journal, after: 4 },
    follow: true,
    signal: stop.signal,
    onHead: () => {},
    onLines: () => released.promise,
  });
  await stalled.promise;
  // What is sent without being taken is what sockets hold, and stays that.
  let before = -1;
  await expect
    .poll(() => [sent === before, (before = sent) > 0], { timeout: 20_000, interval: 500 })
    .toEqual([true, true]);
  expect(sent).toBeLessThan(32 * 1024 ** 2);
  stop.abort();
  released.resolve();
  expect(await reading).toBe('ended');
});
