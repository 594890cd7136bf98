import { once } from 'node:events';
import { connect as connectHttp2, createServer } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, Http2Server, ServerHttp2Stream } from 'node:http2';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createHttp2Front, grpcStreamOf, proxyGrpc } from './port-http2.ts';
import { createPortUpstreams } from './port-upstream.ts';

async function listen(server: Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A client of a gateway before a server that answers calls of gRPC as told. */
async function openGateway(answer: (stream: ServerHttp2Stream) => void): Promise<ClientHttp2Session> {
  const behind = createServer().on('stream', answer);
  const behindPort = await listen(behind);
  const upstreams = createPortUpstreams();
  const upstream = upstreams.of({ id: 'a', incarnation: 1 }, 80);
  const front = createHttp2Front({
    readAddress: () => ({ kind: 'port', identifier: 'a', port: 80, form: 'host', prefix: '' }),
    handle: async (request) => {
      const stream = grpcStreamOf(request);
      if (stream === undefined) throw new Error('a call of gRPC is expected');
      const open = async () => {
        const socket = connect(behindPort, '127.0.0.1');
        await once(socket, 'connect');
        return socket;
      };
      const path = request.url ?? '/';
      await proxyGrpc(request, stream, { upstream, connect: open, path, headers: { host: 'a' }, prefix: '' });
    },
  });
  const client = connectHttp2(`http://127.0.0.1:${await listen(front.server)}`);
  onTestFinished(() => {
    client.destroy();
    upstreams.cutAll();
    front.close();
    front.server.close();
    behind.close();
  });
  return client;
}

const call = (client: ClientHttp2Session, path: string): ClientHttp2Stream =>
  client.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });

test('a server that takes no more calls on a connection gets the next ones on another', async () => {
  const sessions = new Set<unknown>();
  const client = await openGateway((stream) => {
    sessions.add(stream.session);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.resume();
    if (sessions.size === 1) stream.session?.goaway();
    else stream.end('done');
  });
  const open = call(client, '/hold');
  await once(open, 'response');
  // The notice is read right after the answer, or with it.
  let said = '';
  while (said !== 'done') {
    const next = call(client, '/next').setEncoding('utf8').end();
    next.on('error', () => {});
    const [piece] = (await Promise.race([once(next, 'data'), once(next, 'close')])) as [string | undefined];
    said = piece ?? '';
  }
  expect(sessions.size).toBe(2);
  expect(open.destroyed).toBe(false);
  open.destroy();
});
