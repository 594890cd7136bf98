import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createHttp2Front } from './port-http2.ts';
import { proxyPort } from './port-proxy.ts';
import { createPortUpstreams } from './port-upstream.ts';

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A gateway before a server that answers everything with these bytes. */
async function openGateway(
  answer: string,
): Promise<(q: IncomingMessage, r: ServerResponse) => Promise<void>> {
  const behind = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.write(answer));
    onTestFinished(() => void socket.destroy());
  });
  const port = await listen(behind);
  const upstreams = createPortUpstreams();
  onTestFinished(() => upstreams.cutAll());
  const open = async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  };
  const upstream = upstreams.of({ id: 'a', incarnation: 1 }, 80);
  const call = { upstream, connect: open, path: '/', headers: { host: 'a' }, prefix: '' };
  return (asked, response) =>
    proxyPort(asked, response, call).catch(() => {
      response.writeHead(502);
      response.end();
    });
}

const statusOnly = (status: string): string => `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`;

test.each([
  ['000', 502],
  ['099', 502],
  ['599', 599],
  ['999', 999],
])('status %s of a server is answered with %d over HTTP/1.1', async (status, expected) => {
  const handle = await openGateway(statusOnly(status));
  const front = createServer((...both) => void handle(...both));
  const port = await listen(front);
  const call = request({ host: '127.0.0.1', port, agent: false }).end();
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  answer.resume();
  expect(answer.statusCode).toBe(expected);
});

test.each([
  ['000', 502],
  ['599', 599],
  ['999', 502],
])('status %s of a server is answered with %d over HTTP/2', async (status, expected) => {
  const handle = await openGateway(statusOnly(status));
  const front = createHttp2Front({
    readAddress: () => ({ kind: 'port', identifier: 'a', port: 80, form: 'host', prefix: '' }),
    handle,
  });
  const client = connectHttp2(`http://127.0.0.1:${await listen(front.server)}`);
  onTestFinished(() => {
    client.destroy();
    front.close();
  });
  const stream = client.request({ ':path': '/' });
  const [headers] = (await once(stream, 'response')) as [{ ':status'?: number }];
  stream.resume().end();
  expect(headers[':status']).toBe(expected);
});
