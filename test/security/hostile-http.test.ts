import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { AGENT_TOKEN, openGateway, openRecorder } from './gateway-stand.ts';
import type { GatewayStand, Seen } from './gateway-stand.ts';
import { head, sendRaw, statusesOf } from './raw-http.ts';

const smuggled = head('GET /internal/v1/events HTTP/1.1', 'Host: box.local');

describe('what the gateway passes on', () => {
  let upstream: Awaited<ReturnType<typeof openRecorder>>;
  let gateway: GatewayStand;
  beforeAll(async () => {
    upstream = await openRecorder();
    gateway = await openGateway(upstream.port);
  });
  beforeEach(() => void upstream.seen.splice(0));
  afterAll(async () => {
    await gateway.close();
    await upstream.close();
  });
  const send = (...parts: string[]): Promise<string> => sendRaw(gateway.url, parts);
  const only = (): Seen => {
    expect(upstream.seen).toHaveLength(1);
    return upstream.seen[0] as Seen; // counted above
  };

  test.each([
    ['both lengths', ['Content-Length: 5', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
    [
      'both lengths, the other way',
      ['Transfer-Encoding: chunked', 'Content-Length: 5'],
      `0\r\n\r\n${smuggled}`,
    ],
    ['two lengths', ['Content-Length: 5', 'Content-Length: 100'], `hello${smuggled}`],
    ['one length twice', ['Content-Length: 5', 'Content-Length: 5'], `hello${smuggled}`],
    ['a list of lengths', ['Content-Length: 5, 100'], `hello${smuggled}`],
    ['a signed length', ['Content-Length: +5'], `hello${smuggled}`],
    ['a negative length', ['Content-Length: -5'], `hello${smuggled}`],
    ['a hexadecimal length', ['Content-Length: 0x5'], `hello${smuggled}`],
    ['a folded header', ['X-A: 1', ' Content-Length: 5'], `hello${smuggled}`],
    ['space before the colon', ['Content-Length : 5'], `hello${smuggled}`],
    ['an encoding that is not chunked', ['Transfer-Encoding: gzip'], `5\r\nhello\r\n0\r\n\r\n`],
    ['an encoding before chunked', ['Transfer-Encoding: gzip, chunked'], `5\r\nhello\r\n0\r\n\r\n`],
    ['chunked twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
    ['chunked that is not last', ['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${smuggled}`],
    ['a look-alike of chunked', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`],
    ['a control character in a name', ['X-\x01A: 1'], ''],
    ['NUL in a value', ['X-A: a\0b'], ''],
    ['a bare CR in a value', ['X-A: a\rX-Atoll-Token: b'], ''],
    ['two hosts', ['Host: other.local'], ''],
    ['no host', [], ''],
  ])('%s: refused, and nothing arrives', async (what, lines, body) => {
    const host = what === 'no host' ? [] : ['Host: box.local'];
    const answer = await send(head('POST /api/v1/processes HTTP/1.1', ...host, ...lines) + body);
    expect(statusesOf(answer)[0]).toBeGreaterThanOrEqual(400);
    expect(upstream.seen).toEqual([]);
  });

  test.each([
    ['bare line feeds', 'POST /api/v1/files HTTP/1.1\nHost: box.local\nContent-Length: 5\n\nhello'],
    ['a chunk size that overflows', chunked('FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n')],
    ['a chunk size that is no number', chunked('zz\r\nhello\r\n0\r\n\r\n')],
    ['a chunk that is longer than it says', chunked(`2\r\nhello\r\n0\r\n\r\n${smuggled}`)],
    ['a bare line feed after a chunk size', chunked(`5\nhello\r\n0\r\n\r\n`)],
    ['a chunk extension with a line feed', chunked(`5;a\nb\r\nhello\r\n0\r\n\r\n`)],
  ])('%s: never a request of its own', async (_what, bytes) => {
    await send(bytes).catch(() => '');
    expect(upstream.seen.filter(({ url }) => url.startsWith('/internal'))).toEqual([]);
    expect(upstream.seen.filter(({ body }) => body !== '' && body !== 'hello')).toEqual([]);
  });

  test.each(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST'])(
    'a chunked body of %s stays one request, whatever it holds',
    async (method) => {
      const lines = [`${method} /api/v1/files HTTP/1.1`, 'Host: box.local', 'Transfer-Encoding: chunked'];
      const chunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
      await send(head(...lines) + chunk);
      expect(upstream.seen.filter(({ url }) => url !== '/api/v1/files')).toEqual([]);
    },
  );

  test.each(['GET', 'DELETE', 'POST'])(
    'Connection cannot take the length off a body of %s',
    async (method) => {
      const lines = [`${method} /api/v1/files HTTP/1.1`, 'Host: box.local', 'Connection: content-length'];
      await send(head(...lines, `Content-Length: ${smuggled.length}`) + smuggled);
      expect(only()).toMatchObject({ url: '/api/v1/files', body: smuggled });
    },
  );

  test('Connection cannot take off the token or the host', async () => {
    const lines = ['Host: box.local', 'Connection: x-atoll-token, host, close', 'X-Atoll-Token: forged'];
    await send(head('GET /api/v1/health HTTP/1.1', ...lines));
    expect(only().headers).toMatchObject({ 'x-atoll-token': AGENT_TOKEN, host: 'box.local' });
  });

  test('keys, cookies and what a client says about itself do not arrive', async () => {
    const lines = [
      'Authorization: Bearer secret',
      'Proxy-Authorization: Basic secret',
      'Cookie: session=secret',
      'X-Atoll-Token: secret',
      'x-aToLL-tOkEn: secret',
      'X-Forwarded-For: secret',
      'X-Forwarded-Host: secret',
      'X-Forwarded-Proto: secret',
      'Forwarded: for=secret',
      'X-Real-IP: secret',
      'X-Tensorlake-Route-Hint: secret',
    ];
    await send(head('GET /api/v1/health HTTP/1.1', 'Host: box.local', ...lines));
    expect(JSON.stringify(only())).not.toContain('secret');
    expect(only().rawHeaders.filter((name) => name.toLowerCase() === 'x-atoll-token')).toHaveLength(1);
  });

  test('hop-by-hop headers end at the gateway', async () => {
    const lines = ['Host: box.local', 'Connection: upgrade, x-hop', 'Upgrade: h2c', 'HTTP2-Settings: AAMA'];
    await send(head('GET /api/v1/health HTTP/1.1', ...lines, 'X-Hop: 1', 'TE: trailers', 'Keep-Alive: 5'));
    const { headers } = only();
    for (const name of ['upgrade', 'x-hop', 'te', 'keep-alive', 'http2-settings'])
      expect(headers).not.toHaveProperty(name);
  });

  test.each([
    '/api/v1/../../internal/v1/events',
    '/api/v1/../internal/v1/events',
    '/api/v1/%2e%2e/%2e%2e/internal/v1/events',
    '/api/v1/%2E./%2e%2E/internal/v1/events',
    '/api/v1/..%2f..%2finternal/v1/events',
    '/api/v1/..\\..\\internal/v1/events',
    '/api/v1/./health',
    '/api/v1//../internal/v1/events',
    '/api/v1/;/../../internal/v1/events',
    '//internal/v1/events',
    '/internal/v1/events',
    '/%69nternal/v1/events',
    '/api/v1',
    'http://box.local/internal/v1/events',
    'http://box.local/api/v1/../../internal/v1/events',
    'internal/v1/events',
    '*',
  ])('the path %s does not arrive', async (path) => {
    const answer = await send(head(`GET ${path} HTTP/1.1`, 'Host: box.local'));
    expect(statusesOf(answer)[0]).toBeGreaterThanOrEqual(400);
    expect(upstream.seen).toEqual([]);
  });

  test('dots and slashes in a query are data', async () => {
    await send(head('GET /api/v1/files?path=/tmp/../etc//passwd&x=%2e%2e HTTP/1.1', 'Host: box.local'));
    expect(only().url).toBe('/api/v1/files?path=/tmp/../etc//passwd&x=%2e%2e');
  });

  test('CONNECT opens no tunnel', async () => {
    const answer = await send(head('CONNECT box.local:80 HTTP/1.1', 'Host: box.local')).catch(() => '');
    expect(statusesOf(answer)).not.toContain(200);
    expect(upstream.seen).toEqual([]);
  });

  test.each([
    ['a megabyte in one header', `X-A: ${'a'.repeat(1 << 20)}`],
    ['a hundred thousand headers', Array.from({ length: 100_000 }, (_, i) => `X-${i}: 1`).join('\r\n')],
  ])('%s: 431, and the listener lives', async (_what, flood) => {
    const answer = await send(head('GET /api/v1/health HTTP/1.1', 'Host: box.local', flood));
    expect(statusesOf(answer)).toEqual([431]);
    await send(head('GET /api/v1/health HTTP/1.1', 'Host: box.local'));
    expect(only().url).toBe('/api/v1/health');
  });

  test('a flood of small headers does not hide a header that comes last', async () => {
    const flood = Array.from({ length: 5000 }, () => 'X:');
    const answer = await send(
      head('POST /api/v1/files HTTP/1.1', 'Host: box.local', ...flood, 'Content-Length: 5') + 'hello',
    );
    expect(statusesOf(answer)).toEqual([200]);
    expect(only().body).toBe('hello');
  });

  test('requests in one packet are answered in their order', async () => {
    const one = head('GET /api/v1/health?n=1 HTTP/1.1', 'Host: box.local');
    const refused = head('GET /internal/v1/events HTTP/1.1', 'Host: box.local');
    const two = head('GET /api/v1/health?n=2 HTTP/1.1', 'Host: box.local', 'Connection: close');
    expect(statusesOf(await send(one + refused + two))).toEqual([200, 404, 200]);
    expect(upstream.seen.map(({ url }) => url)).toEqual(['/api/v1/health?n=1', '/api/v1/health?n=2']);
  });
});

function chunked(body: string): string {
  return head('POST /api/v1/files HTTP/1.1', 'Host: box.local', 'Transfer-Encoding: chunked') + body;
}

describe('a server with a real agent', () => {
  let server: TestServer;
  let id: string;
  beforeAll(async () => {
    server = await startTestServer({ runtime: 'fake' });
    const answer = await server.fetch('/v1/namespaces/default/sandboxes', { method: 'POST', body: '{}' });
    id = ((await answer.json()) as { sandbox_id: string }).sandbox_id; // wire 1.4
  });
  afterAll(() => server.close());

  const ask = (path: string, ...lines: string[]): Promise<string> =>
    sendRaw(
      server.url,
      head(`GET ${path} HTTP/1.1`, `Host: ${id}.local`, `Authorization: Bearer ${server.apiKey}`, ...lines),
    );

  test('answers what it should, so that the refusals mean something', async () => {
    expect(statusesOf(await ask('/api/v1/health'))).toEqual([200]);
  });

  test.each([
    '/internal/v1/stats',
    '/internal/v1/events',
    '//internal/v1/stats',
    '/api/v1/../../internal/v1/stats',
    '/api/v1/%2e%2e/%2e%2e/internal/v1/stats',
    '/api/v1/..%2f..%2finternal%2fv1%2fstats',
    '/api/v1/health/../../../internal/v1/stats',
    'http://x.local/internal/v1/stats',
  ])("nobody outside reaches the agent's %s", async (path) => {
    const answer = await ask(path);
    expect(statusesOf(answer)[0]).toBeGreaterThanOrEqual(400);
    expect(answer).not.toMatch(/memoryTotalBytes|"hello"/);
  });

  test('a token that a client sends changes nothing', async () => {
    expect(statusesOf(await ask('/api/v1/health', 'X-Atoll-Token: forged'))).toEqual([200]);
    const withoutKey = head('GET /api/v1/health HTTP/1.1', `Host: ${id}.local`, 'X-Atoll-Token: forged');
    expect(statusesOf(await sendRaw(server.url, withoutKey))).toEqual([401]);
  });

  test.each([
    ['/v1/namespaces/default/../../metrics'],
    ['//v1/namespaces/default/sandboxes'],
    ['/v1/namespaces/%2e%2e/sandboxes'],
    ['/v1/namespaces/default/sandboxes/%00'],
    ['/v1/namespaces/default/sandboxes/%ff'],
    ['/v1/namespaces/default/sandboxes/%'],
    ['/../../../etc/passwd'],
  ])('the control plane answers %s with an error of the client', async (path) => {
    const line = `Authorization: Bearer ${server.apiKey}`;
    const [status] = statusesOf(
      await sendRaw(server.url, head(`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1', line)),
    );
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  });
});
