import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { readUsage } from '../fixtures/process-usage.ts';
import { openGateway, openHostile } from './gateway-stand.ts';
import { head, sendRaw, statusesOf } from './raw-http.ts';

const ask = head('GET /api/v1/health HTTP/1.1', 'Host: box.local');

/** The gateway before a sandbox that answers with these bytes. */
async function stand(answer: string | ((socket: Socket) => void)) {
  const upstream = await openHostile(
    typeof answer === 'string' ? (socket) => socket.end(answer, 'latin1') : answer,
  );
  const gateway = await openGateway(upstream.port);
  onTestFinished(async () => {
    await gateway.close();
    await upstream.close();
  });
  return { upstream, url: gateway.url };
}

/** Writes the same bytes for as long as the other side takes them. */
function pourInto(socket: Socket, first: string, again: string): void {
  socket.write(first);
  const pour = (): void => {
    while (!socket.destroyed && socket.write(again));
  };
  socket.on('drain', pour);
  pour();
}

test.each([
  ['no answer', ''],
  ['what is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['status 000', 'HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n'],
  ['status 099', 'HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 No\r\nContent-Length: 0\r\n\r\n'],
  ['a status above all', 'HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n'],
  [
    'a redirect',
    'HTTP/1.1 307 Go\r\nLocation: /v1/namespaces/default/sandboxes/x\r\nContent-Length: 0\r\n\r\n',
  ],
  ['an upgrade that nobody asked for', 'HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\ngarbage'],
  ['a head that stops', 'HTTP/1.1 200 OK\r\nX-A: '],
  ['an early hint and then nothing', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a control character in a header', 'HTTP/1.1 200 OK\r\nX-A: a\x01b\r\nContent-Length: 0\r\n\r\n'],
  ['NUL in a header', 'HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n'],
  ['a header without a name', 'HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 0\r\n\r\n'],
])('%s: the client gets a gateway error', async (_what, bytes) => {
  const { url } = await stand(bytes);
  const answer = await sendRaw(url, ask);
  expect(statusesOf(answer)).toEqual([502]);
  expect(answer).toContain('PROXY_ERROR');
});

test.each([
  ['a chunk that is no chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
  ['a body that stops', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort'],
  ['chunks that stop', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
])('%s: the answer is cut so that the client can tell', async (_what, bytes) => {
  const { url } = await stand(bytes);
  const failed = await new Promise((resolve) => {
    const call = request(`${url}/api/v1/health`, { headers: { host: 'box.local' } }, (answer) => {
      answer
        .resume()
        .once('end', () => resolve('ended'))
        .once('error', () => resolve('cut'));
    });
    call.once('error', () => resolve('cut')).end();
  });
  expect(failed).toBe('cut');
});

test.each([
  ['one endless header', 'HTTP/1.1 200 OK\r\nX-A: ', 'a'.repeat(1 << 16)],
  ['endless headers', 'HTTP/1.1 200 OK\r\n', 'X-A: b\r\n'.repeat(1 << 12)],
])('%s: refused at the limit', async (_what, first, again) => {
  const { upstream, url } = await stand((socket) => pourInto(socket, first, again));
  expect(statusesOf(await sendRaw(url, ask))).toEqual([502]);
  await expect.poll(() => upstream.sockets.size).toBe(0);
});

test.each([
  ['endless early hints', '', 'HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n'.repeat(1 << 10)],
  ['endless 100 Continue', '', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1 << 10)],
])('%s: cut, and the gateway goes on', async (_what, first, again) => {
  const { upstream, url } = await stand((socket) => pourInto(socket, first, again));
  expect(statusesOf(await sendRaw(url, ask))).toEqual([502]);
  await expect.poll(() => upstream.sockets.size).toBe(0);
});

test('an endless body costs no memory while its client does not read, and ends with the client', async () => {
  const { upstream, url } = await stand((socket) =>
    pourInto(socket, 'HTTP/1.1 200 OK\r\n\r\n', 'a'.repeat(1 << 20)),
  );
  const before = readUsage(process.pid).memoryMb;
  const client = connect(Number(new URL(url).port), '127.0.0.1').pause();
  client.write(ask);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  // Both ends are in this process; the kernel's own buffers hold a few MB.
  expect(readUsage(process.pid).memoryMb - before).toBeLessThan(150);
  client.destroy();
  await expect.poll(() => upstream.sockets.size).toBe(0);
});

test('a sandbox that never answers is left when its client leaves', async () => {
  const { upstream, url } = await stand(() => {});
  const client = connect(Number(new URL(url).port), '127.0.0.1');
  client.write(ask);
  await expect.poll(() => upstream.sockets.size).toBe(1);
  client.destroy();
  await expect.poll(() => upstream.sockets.size).toBe(0);
});

test('a sandbox that answers without reading an upload does not hold it', async () => {
  const { url } = await stand((socket) => {
    socket.pause();
    socket.write('HTTP/1.1 507 Full\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfull');
  });
  const upload = request(`${url}/api/v1/files?path=/x`, { method: 'PUT', headers: { host: 'box.local' } });
  upload.write('a'.repeat(1 << 16));
  const [answer] = (await once(upload, 'response')) as [IncomingMessage]; // Node's own event
  expect(answer.statusCode).toBe(507);
  upload.destroy();
});

test("what would change the client's standing with the server is taken off an answer", async () => {
  const lines = [
    'Set-Cookie: session=stolen',
    'Clear-Site-Data: "*"',
    'Strict-Transport-Security: max-age=99999999',
    'Alt-Svc: h2="evil.example:443"',
    'Access-Control-Allow-Origin: https://evil.example',
    'Access-Control-Allow-Credentials: true',
    'Connection: access-control-allow-origin',
  ];
  const { url } = await stand(head('HTTP/1.1 200 OK', ...lines, 'Content-Length: 0'));
  const answer = (await sendRaw(url, ask)).toLowerCase();
  expect(answer).not.toMatch(/stolen|evil|clear-site-data|strict-transport|credentials/);
  expect(answer).toContain('access-control-allow-origin: *');
});

test.each([
  '/default/sandboxes/box/terminal?token=key',
  '/default/sandboxes/box/filesystem/tmp/page.html',
  '/ports/box/9501/api/v1/files?path=/page.html',
])(
  "a page at %s is of no origin, so that it cannot speak for who is logged in on the server's",
  async (path) => {
    const page = head('HTTP/1.1 200 OK', 'Content-Type: text/html', 'Content-Length: 0');
    const { url } = await stand(page);
    const answer = await sendRaw(url, head(`GET ${path} HTTP/1.1`, 'Host: localhost'));
    expect(statusesOf(answer)).toEqual([200]);
    const [, policy] = /\r\ncontent-security-policy: ([^\r]*)/i.exec(answer) ?? [];
    expect(policy).toMatch(/^sandbox (?!.*allow-same-origin)/);
  },
);

test('a second answer that nobody asked for reaches no later request', async () => {
  const answerTwice =
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
  const { url } = await stand((socket) => {
    socket.write(answerTwice);
    socket.on('data', () => socket.write(answerTwice));
  });
  const bodies: string[] = [];
  for (let i = 0; i < 5; i += 1) bodies.push((await sendRaw(url, ask, 50)).slice(-4));
  expect(bodies.join()).not.toContain('evil');
});
