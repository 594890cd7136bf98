import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { freePort } from '../fixtures/free-port.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { buildPortServer } from '../fixtures/port-server.ts';
import { openPortStand } from './port/port-stand.ts';
import type { PortStand } from './port/port-stand.ts';

const SETUP_TIMEOUT_MS = 120_000;

let folder: string;
let server: TestServer;
let stand: PortStand;
let id: string;
let port: number;

/** A self-signed certificate for the names of exposed ports. */
async function makeCertificate(name: string): Promise<void> {
  const [key, cert] = [join(folder, 'key.new'), join(folder, 'cert.new')];
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '1',
  ];
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:*.atoll.test,DNS:api.atoll.test'];
  await promisify(execFile)('openssl', [...args, ...names, '-keyout', key, '-out', cert]);
  await Promise.all([rename(key, join(folder, 'key.pem')), rename(cert, join(folder, 'cert.pem'))]);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atoll-test-'));
  await makeCertificate('first');
  const args = [
    '--base-domain',
    'atoll.test',
    '--tls-cert',
    join(folder, 'cert.pem'),
    '--tls-key',
    join(folder, 'key.pem'),
  ];
  server = await startTestServer({ runtime: 'fake', args });
  stand = await openPortStand(server, await buildPortServer(), { name: 'web' }, '.');
  id = stand.sandbox.sandboxId;
  port = await freePort();
  await stand.serve(`127.0.0.1:${port}`);
  await stand.client.exposePorts(id, [port], { allowUnauthenticatedAccess: true });
}, SETUP_TIMEOUT_MS);
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

const hostOf = (identifier = id): string => `${port}-${identifier}.atoll.test`;
const address = () => ({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
const trust = async () => ({ ca: await readFile(join(folder, 'cert.pem')), servername: hostOf() });

async function askTls(
  path: string,
  host: string,
): Promise<{ status: number; body: string; subject: string }> {
  const call = request({ ...address(), ...(await trust()), path, headers: { host }, agent: false }).end();
  const [answer] = await once(call, 'response');
  // The socket of a request of HTTPS speaks TLS.
  const subject = answer.socket.getPeerCertificate().subject.CN;
  return { status: answer.statusCode, body: await text(answer), subject };
}

const openPlain = (host = hostOf()): ClientHttp2Session =>
  connectHttp2(`http://${host}`, {
    createConnection: () => connectTcp(address()),
  });
const openSecure = async (): Promise<ClientHttp2Session> => {
  const options = { ...(await trust()), ALPNProtocols: ['h2'] };
  return connectHttp2(`https://${hostOf()}`, {
    createConnection: () => connectTls({ ...address(), ...options }),
  });
};

interface Called {
  headers: IncomingHttpHeaders;
  trailers: IncomingHttpHeaders;
  body: Buffer;
}

/** A call of gRPC: messages with length prefixes, and a status in the trailers. */
async function callGrpc(session: ClientHttp2Session, messages: readonly string[]): Promise<Called> {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/atoll.Echo/Call',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const result: Called = { headers: {}, trailers: {}, body: Buffer.alloc(0) };
  stream.on('response', (headers) => (result.headers = headers));
  stream.on('trailers', (trailers) => (result.trailers = trailers));
  for (const message of messages) stream.write(frame(message));
  stream.end();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return { ...result, body: Buffer.concat(chunks) };
}

const frame = (message: string): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, Buffer.from(message)]);
};

test.each(['without TLS', 'with TLS'])(
  'gRPC passes %s, trailers and many calls on one connection included',
  async (how) => {
    const session = how === 'with TLS' ? await openSecure() : openPlain();
    const large = 'x'.repeat(300_000);
    const calls = await Promise.all([
      callGrpc(session, ['a', 'b']),
      callGrpc(session, [large]),
      callGrpc(session, []),
    ]);
    session.close();
    expect(calls.map(({ body }) => body.toString('latin1'))).toEqual([
      Buffer.concat([frame('a'), frame('b')]).toString('latin1'),
      frame(large).toString('latin1'),
      '',
    ]);
    for (const { headers, trailers } of calls) {
      expect(headers[':status']).toBe(200);
      expect({ ...headers, ...trailers }).toMatchObject({
        'grpc-status': '0',
        'grpc-message': expect.stringContaining(`HTTP/2.0 ${hostOf()}`),
      });
    }
  },
);

test('a gRPC client is told by status that nothing listens', async () => {
  await stand.client.exposePorts(id, [1], { allowUnauthenticatedAccess: true });
  const session = openPlain(`1-${id}.atoll.test`);
  const { headers } = await callGrpc(session, ['a']);
  session.close();
  expect(headers).toMatchObject({ ':status': 200, 'grpc-status': '14' });
});

test('other requests of HTTP/2 reach servers that speak HTTP/1.1', async () => {
  const session = await openSecure();
  const stream = session.request({ ':path': '/hello', ':method': 'POST', cookie: 'a=1' });
  stream.end('body');
  const shown = JSON.parse(await text(stream)) as {
    proto: string;
    host: string;
    body: string;
    headers: object;
  };
  session.close();
  expect(shown).toMatchObject({
    proto: 'HTTP/1.1',
    host: `${hostOf()}:443`,
    body: 'body',
    headers: { 'X-Forwarded-Proto': ['https'], Cookie: ['a=1'] },
  });
});

test('HTTP/2 is for exposed ports: browsers must not reuse its connections for the API', async () => {
  const session = openPlain('api.atoll.test');
  const stream = session.request({ ':path': '/sandboxes' });
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  stream.resume();
  session.close();
  expect(headers[':status']).toBe(421);
  const options = { ...(await trust()), servername: 'api.atoll.test', ALPNProtocols: ['h2', 'http/1.1'] };
  const socket = connectTls({ ...address(), ...options });
  await once(socket, 'secureConnect');
  expect(socket.alpnProtocol).toBe('http/1.1');
  socket.destroy();
});

test('the API and ports answer over TLS, and this machine may do without', async () => {
  expect(await askTls('/healthz', 'api.atoll.test')).toMatchObject({ status: 200 });
  const shown = await askTls('/x', hostOf());
  expect(JSON.parse(shown.body)).toMatchObject({ headers: { 'X-Forwarded-Proto': ['https'] } });
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
});

test('a renewed certificate is shown without a restart, and a broken one is not', async () => {
  await makeCertificate('second');
  await vi.waitFor(async () => expect((await askTls('/healthz', hostOf())).subject).toBe('second'), 20_000);
  const trusted = await trust();
  await writeFile(join(folder, 'key.pem'), 'no key');
  await vi.waitFor(() => expect(server.log.join()).toContain('the old one stays'), 20_000);
  const socket = connectTls({ ...address(), ...trusted });
  await once(socket, 'secureConnect');
  expect(socket.getPeerCertificate().subject.CN).toBe('second');
  socket.destroy();
});

test('what is neither HTTP nor TLS is answered or let go', async () => {
  for (const bytes of [
    '\u0016\u0003\u0001garbage-garbage',
    'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n',
    'PRI\r\n',
    '\0\0\0\0',
  ]) {
    const socket = connectTcp(address());
    socket.on('error', () => {});
    socket.end(bytes, 'latin1');
    await once(socket.resume(), 'close');
  }
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
});
