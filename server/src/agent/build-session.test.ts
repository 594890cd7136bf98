import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { openBuildSession } from './build-session.ts';
import type { BuilderCall } from './build-session.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An agent that answers the two requests of a session. */
async function agent(fetch: Answer, reply: Answer = () => {}): Promise<BuilderCall> {
  const server = createServer((request, response) =>
    request.method === 'GET' ? fetch(request, response) : reply(request, response),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo; // TCP
  return { endpoint: { host: '127.0.0.1', port }, token: 'secret', handle: 7 };
}

const { signal } = new AbortController();

test('the first line is the specification, what follows the archive, and answers are lines', async () => {
  let answers: Promise<string> = Promise.resolve('');
  const call = await agent(
    (request, response) => {
      expect([request.url, request.headers['x-atoll-token']]).toEqual(['/internal/v1/builds/7', 'secret']);
      response.write('{"buildId":');
      setImmediate(() => response.end('"b1"}\narchive\nof two lines'));
    },
    (request, response) => {
      answers = text(request);
      void answers.then(() => response.writeHead(204).end());
    },
  );
  const session = await openBuildSession(call, signal);
  expect(session?.spec).toEqual({ buildId: 'b1' });
  expect(await text(session?.context ?? Readable.from([]))).toBe('archive\nof two lines');
  await session?.say({ log: 'one\n' });
  await session?.say({ metadata: {} });
  await session?.end();
  expect(await answers).toBe('{"log":"one\\n"}\n{"metadata":{}}\n');
  expect(session?.gone.aborted).toBe(false);
});

test('a builder that somebody serves already is left alone', async () => {
  const call = await agent((_request, response) => response.writeHead(409).end());
  expect(await openBuildSession(call, signal)).toBeUndefined();
});

test('a specification that is no JSON, has no end or is too long is refused', async () => {
  const answers: Answer[] = [
    (_request, response) => response.end('nonsense\n'),
    (_request, response) => response.end('{"buildId":'),
    (_request, response) => response.end('x'.repeat(2 ** 21)),
  ];
  const refusals = await Promise.all(
    answers.map(async (answer) =>
      openBuildSession(await agent(answer), signal).catch((error) => error.message),
    ),
  );
  expect(refusals).toEqual([
    'the specification of the build is not JSON',
    'the builder ended before it said what to build',
    'the specification of the build is too long',
  ]);
});

test('a builder that goes away ends the session', async () => {
  const call = await agent(
    (_request, response) => response.end('{}\narchive'),
    (_request, response) => setImmediate(() => response.writeHead(410).end()),
  );
  const session = await openBuildSession(call, signal);
  if (session === undefined) throw new Error('no session');
  session.context.resume();
  if (!session.gone.aborted) await once(session.gone, 'abort');
  await expect(session.say({ log: 'x' })).rejects.toThrow('the builder has gone');
});

test('an archive that breaks off ends the session', async () => {
  const call = await agent((_request, response) => {
    response.write('{}\nhalf');
    setTimeout(() => response.destroy(), 20);
  });
  const session = await openBuildSession(call, signal);
  if (session === undefined) throw new Error('no session');
  await expect(text(session.context)).rejects.toThrow();
  expect(session.gone.aborted).toBe(true);
});
