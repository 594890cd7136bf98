import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { SandboxClient } from '@atoll/sdk';
import type { Pty } from '@atoll/sdk';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { head, sendRaw, statusesOf } from './raw-http.ts';

let server: TestServer;
let pty: Pty;

beforeAll(async () => {
  server = await startTestServer({ runtime: 'fake' });
  const client = new SandboxClient({ apiUrl: server.url, apiKey: server.apiKey });
  const one = await client.createAndConnect({ name: 'one' });
  await client.createAndConnect({ name: 'two' });
  pty = await one.createPty({ command: 'cat' });
});
afterAll(async () => {
  pty?.disconnect();
  await server?.close();
});

const handshake = (host: string, path: string, ...lines: string[]): string =>
  head(
    `GET ${path} HTTP/1.1`,
    `Host: ${host}.local`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...lines,
  );
const key = (): string => `Authorization: Bearer ${server.apiKey}`;
const statusOf = async (request: string): Promise<number | undefined> =>
  statusesOf(await sendRaw(server.url, request))[0];
const path = (): string => `/api/v1/pty/${pty.sessionId}/ws?token=${pty.token}`;

test('the key and the token of a session are both needed, and only in its own sandbox', async () => {
  expect(await statusOf(handshake('one', path(), key()))).toBe(101);
  expect(await statusOf(handshake('one', path()))).toBe(401);
  expect(await statusOf(handshake('one', `${path()}&access_token=${server.apiKey}`))).toBe(401);
  expect(await statusOf(handshake('one', `/api/v1/pty/${pty.sessionId}/ws?token=0`, key()))).toBe(403);
  expect(await statusOf(handshake('two', path(), key()))).toBe(404);
});

test('a handshake cannot reach the routes of the server in an agent, nor carry a body', async () => {
  expect(await statusOf(handshake('one', '/internal/v1/events', key()))).toBe(404);
  expect(await statusOf(handshake('one', path(), key(), 'Content-Length: 5'))).toBe(400);
  expect(await statusOf(handshake('one', '/api/v1/../internal/v1/events', key()))).toBe(400);
});

test('what a server says first waits until the client has answered a ping, and so has read the 101', async () => {
  const greeter = createServer((socket) => void socket.end('hello'));
  await new Promise<void>((resolve) => greeter.listen(0, '127.0.0.1', resolve));
  const { port } = greeter.address() as AddressInfo; // a TCP server has no other kind
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
    greeter.close();
  });
  socket.on('error', () => {}); // then nothing more is received
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.write(handshake('one', `/api/v1/tunnels/tcp?port=${port}`, key()));
  await expect.poll(() => received).toMatch(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n\u0089\0$/);
  socket.write(Buffer.from([0x8a, 0x80, 1, 2, 3, 4]));
  await expect.poll(() => received).toContain('hello');
});
