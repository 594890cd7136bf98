import { connect } from 'node:net';
import { once } from 'node:events';
import { beforeAll, describe, expect, test } from 'vitest';
import { call, createSandbox, sandboxCalls } from '../fixtures/api.ts';
import { useServer } from '../fixtures/server.ts';
import { head, sendRaw, statusesOf } from '../security/raw-http.ts';

const server = useServer({
  runtime: 'fake',
  args: ['--max-cpus', '8', '--max-memory-mb', '4096', '--max-disk-mb', '20480'],
});

/** Every error has a code, says what is wrong in words, and names its request. */
const error = (code: string, words: unknown = expect.stringMatching(/\w/)) =>
  expect.objectContaining({
    code,
    error: words,
    message: words,
    request_id: expect.stringMatching(/\w{12}/),
  });
const count = async (): Promise<number> => {
  const { body } = await call(server(), '/sandboxes');
  return (body as { sandboxes: unknown[] }).sandboxes.length; // wire 1.4
};

describe('creates that are refused leave nothing', () => {
  test.each<[string, unknown, number, string, string]>([
    ['an unknown image', { image: 'nope' }, 404, 'image_not_found', 'nope'],
    ['an image name that is no name', { image: '../../etc' }, 404, 'image_not_found', 'etc'],
    ['an image of another workspace', { image: 'other-workspace/thing' }, 404, 'image_not_found', 'thing'],
    ['a name with capitals', { name: 'Nope' }, 400, 'invalid_name', 'Nope'],
    ['a name with a NUL', { name: 'a\0b' }, 400, 'invalid_name', 'a'],
    ['a name like an id', { name: 'abcdefghijklmnopqrst1' }, 400, 'invalid_name', 'abcdefghijklmnopqrst1'],
    ['no CPUs', { resources: { cpus: 0 } }, 400, 'invalid_resources', 'resources.cpus'],
    ['negative CPUs', { resources: { cpus: -1 } }, 400, 'invalid_resources', 'resources.cpus'],
    ['no memory', { resources: { memory_mb: 0 } }, 400, 'invalid_resources', 'resources.memory_mb'],
    ['negative memory', { resources: { memory_mb: -5 } }, 400, 'invalid_resources', 'resources.memory_mb'],
    ['half a megabyte', { resources: { memory_mb: 64.5 } }, 400, 'invalid_request', 'memory_mb'],
    ['no disk', { resources: { disk_mb: 0 } }, 400, 'invalid_resources', 'resources.disk_mb'],
    ['CPUs above the maximum', { resources: { cpus: 9 } }, 400, 'limit_exceeded', '8'],
    ['memory above the maximum', { resources: { memory_mb: 4097 } }, 400, 'limit_exceeded', '4096'],
    ['disk above the maximum', { resources: { disk_mb: 20_481 } }, 400, 'limit_exceeded', '20480'],
    ['absurd memory', { resources: { memory_mb: 1e300 } }, 400, 'invalid_request', 'memory_mb'],
    ['resources that are a list', { resources: [1] }, 400, 'invalid_request', 'resources'],
    ['a number as image', { image: 7 }, 400, 'invalid_request', 'image'],
    ['text as CPUs', { resources: { cpus: 'many' } }, 400, 'invalid_request', 'cpus'],
    ['a negative timeout', { timeout_secs: -1 }, 400, 'invalid_request', 'timeout_secs'],
    ['an entrypoint with a NUL', { entrypoint: ['a\0b'] }, 400, 'invalid_request', 'entrypoint'],
    ['an entrypoint that is text', { entrypoint: 'sleep 1' }, 400, 'invalid_request', 'entrypoint'],
    ['an unknown secret', { secret_names: ['KEY'] }, 404, 'secret_not_found', 'KEY'],
    ['JSON that is cut off', '{"image":', 400, 'malformed_json', 'JSON'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00]), 400, 'malformed_json', 'JSON'],
    ['a list as body', '[]', 400, 'invalid_request', 'body'],
    ['null as body', 'null', 400, 'invalid_request', 'body'],
    ['a body of two megabytes', `{"name":"${'x'.repeat(2 ** 21)}"}`, 413, 'body_too_large', '1 MiB'],
  ])('%s', async (_what, body, status, code, words) => {
    const before = await count();
    const answer = await call(server(), '/v1/namespaces/default/sandboxes', { method: 'POST', body });
    expect(answer).toMatchObject({ status, body: error(code, expect.stringContaining(words)) });
    expect(await count()).toBe(before);
  });

  test('a nesting of ten thousand levels is refused', async () => {
    const body = `{"resources":${'['.repeat(10_000)}${']'.repeat(10_000)}}`;
    expect(await call(server(), '/sandboxes', { body })).toMatchObject({ status: 400 });
  });

  test('unknown fields are ignored', async () => {
    const id = await createSandbox(server(), { whatever: { deep: [1] }, resources: { colour: 'red' } });
    expect(await call(server(), `/sandboxes/${id}`, { method: 'DELETE' })).toMatchObject({ status: 200 });
  });
});

describe('who may come in', () => {
  const anonymous = () => ({ url: server().url });

  test.each(['/sandboxes', '/v1/namespaces/default/sandboxes', '/v1/whoami', '/openapi.json', '/metrics'])(
    '%s wants a key that the server knows',
    async (path) => {
      const refused = {
        status: 401,
        body: { code: 'unauthenticated', hint: expect.stringContaining('atoll login') },
      };
      expect(await call(anonymous(), path)).toMatchObject(refused);
      expect(await call({ ...anonymous(), apiKey: 'tl_apiKey_wrong' }, path)).toMatchObject(refused);
      const basic = { headers: { authorization: `Basic ${server().apiKey}` } };
      expect(await call(anonymous(), path, basic)).toMatchObject(refused);
    },
  );

  test('health needs no key', async () => {
    expect(await call(anonymous(), '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  test('the data plane tells strangers nothing, not even which sandboxes there are', async () => {
    const id = await createSandbox(server(), { name: 'hidden' });
    const [known, unknown] = await Promise.all(
      ['hidden', 'not-there'].map((name) => sandboxCalls(anonymous(), name).call('/api/v1/health')),
    );
    await call(server(), `/sandboxes/${id}`, { method: 'DELETE' });
    expect(known).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(unknown?.status).toBe(401);
    expect(unknown?.body).toEqual(known?.body);
  });

  test('an unknown namespace is 404', async () => {
    const path = '/v1/namespaces/somebody-else/sandboxes';
    expect(await call(server(), path)).toMatchObject({ status: 404, body: error('not_found') });
    expect(await call(server(), path, { body: {} })).toMatchObject({ status: 404 });
  });
});

describe('paths and queries', () => {
  test.each([
    ['/nope', 404],
    ['/sandboxes/%ff', 400],
    ['/sandboxes/..%2f..%2fetc', 404],
    [`/sandboxes/${'x'.repeat(400)}`, 404],
    ['/sandboxes/a%00b', 404],
    ['/sandboxes?limit=0', 400],
    ['/sandboxes?limit=abc', 400],
    ['/sandboxes?limit=2&cursor=abc', 400],
    ['/archived-sandboxes?direction=sideways', 400],
    ['/archived-sandboxes?limit=5&cursor=1.x', 400],
  ])('GET %s is %i', async (path, status) => {
    const answer = await call(server(), path);
    expect(answer).toMatchObject({ status, body: { code: expect.any(String), message: expect.any(String) } });
  });

  test('a method that a path does not have is 404 with the way to the routes', async () => {
    const answer = await call(server(), '/sandboxes', { method: 'PUT', body: {} });
    expect(answer).toMatchObject({
      status: 404,
      body: { code: 'route_not_found', hint: expect.stringContaining('/openapi.json') },
    });
  });
});

describe('HTTP that is not well behaved', () => {
  const requestHead = (...lines: string[]): string =>
    head('POST /sandboxes HTTP/1.1', 'Host: 127.0.0.1', `Authorization: Bearer ${server().apiKey}`, ...lines);

  test('headers of ten megabytes are 431', async () => {
    const answer = await sendRaw(server().url, requestHead(`X-Big: ${'x'.repeat(10_000_000)}`));
    expect(statusesOf(answer)).toEqual([431]);
    expect(answer).toContain('"code":"headers_too_large"');
  });

  test('a doubled Content-Length is 400', async () => {
    const answer = await sendRaw(server().url, `${requestHead('Content-Length: 2', 'Content-Length: 3')}{} `);
    expect(statusesOf(answer)).toEqual([400]);
  });

  test('a length and chunks together are 400', async () => {
    const bytes = `${requestHead('Content-Length: 2', 'Transfer-Encoding: chunked')}0\r\n\r\n`;
    expect(statusesOf(await sendRaw(server().url, bytes))).toEqual([400]);
  });

  test('what is not HTTP is 400', async () => {
    expect(statusesOf(await sendRaw(server().url, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n'))).toEqual([
      400,
    ]);
  });

  test('bodies that never end make nobody wait, are told so, and are cut', { timeout: 60_000 }, async () => {
    const { hostname, port } = new URL(server().url);
    const sockets = Array.from({ length: 50 }, () => connect(Number(port), hostname));
    for (const socket of sockets) socket.write(`${requestHead('Content-Length: 1000')}{`);
    const answers = sockets.map(() => '');
    sockets.forEach((socket, index) => socket.on('data', (chunk) => (answers[index] += String(chunk))));
    const closed = Promise.all(sockets.map((socket) => once(socket, 'close')));
    const begun = Date.now();
    expect((await call(server(), '/sandboxes')).status).toBe(200);
    expect(Date.now() - begun).toBeLessThan(2_000);
    await closed;
    expect(Date.now() - begun).toBeLessThan(45_000);
    expect(answers.map(statusesOf)).toEqual(sockets.map(() => [408]));
    expect(answers[0]).toMatch(/^connection: close\r$/im);
    expect(answers[0]).toContain('"the body did not arrive in time"');
  });

  test('a body that comes after its refusal makes nothing', { timeout: 60_000 }, async () => {
    const { hostname, port } = new URL(server().url);
    const before = await count();
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    socket.write(`${requestHead('Content-Length: 2')}{`);
    const [answer] = await once(socket, 'data');
    socket.end('}');
    await once(socket.resume(), 'close');
    expect(statusesOf(String(answer))).toEqual([408]);
    expect(await count()).toBe(before);
  });
});

describe('bad input to a sandbox', () => {
  const target = () => sandboxCalls(server(), 'target');
  beforeAll(async () => {
    await createSandbox(server(), { name: 'target' });
    await target().call('/api/v1/files?path=%2Ffolder%2Ffile', { method: 'PUT', body: 'x' });
  });

  test.each<[string, string, object, number, string]>([
    ['a file read through ..', '/api/v1/files?path=%2Ftmp%2F..%2Fetc%2Fpasswd', {}, 403, 'PATH_TRAVERSAL'],
    ['a NUL in a path', '/api/v1/files?path=%2Ftmp%2Fa%00b', {}, 400, ''],
    ['a path that is missing', '/api/v1/files', {}, 400, ''],
    [
      'a file written over a directory',
      '/api/v1/files?path=%2Ffolder',
      { method: 'PUT', body: 'x' },
      400,
      'IS_DIRECTORY',
    ],
    ['a file below a file', '/api/v1/files?path=%2Ffolder%2Ffile%2Fx', {}, 400, 'NOT_A_DIRECTORY'],
    ['a file listed', '/api/v1/files/list?path=%2Ffolder%2Ffile', {}, 400, 'NOT_A_DIRECTORY'],
    ['a process without a command', '/api/v1/processes', { body: {} }, 400, ''],
    ['a command with a NUL', '/api/v1/processes', { body: { command: 'a\0b' } }, 400, ''],
    ['a run of what is no JSON', '/api/v1/processes/run', { body: '{' }, 400, ''],
    ['a process that is not there', '/api/v1/processes/123456', {}, 404, 'NOT_FOUND'],
    ['a path outside of the data plane', '/etc/passwd', {}, 404, 'ROUTE_NOT_FOUND'],
    ['a path that climbs out of it', '/api/v1/../internal', {}, 400, 'INVALID_REQUEST'],
  ])('%s', async (_what, path, options, status, code) => {
    const answer = await target().call(path, options);
    expect(answer).toMatchObject({
      status,
      body: { error: expect.any(String), code: expect.stringContaining(code) },
    });
  });
});
