import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { answerOn, upgrade } from './upgrade.ts';

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
const PIECE = Buffer.alloc(64 * 1024);

test('what a side sent before it ended reaches a client that reads it later', async () => {
  // Only the gateway's own patience is set forward below, not what sockets do.
  vi.useFakeTimers({ toFake: ['setTimeout', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
  let agentSide: Socket | undefined;
  const agentPort = await listen(
    createServer().on('upgrade', (_request, socket: Socket) => {
      agentSide = socket;
      socket.write(SWITCH);
    }),
  );
  let clientSide: Socket | undefined;
  const gatewayPort = await listen(
    createServer().on('upgrade', (request, socket: Socket, head) => {
      clientSide = socket;
      const headers = { connection: 'upgrade', upgrade: 'websocket' };
      void upgrade(request, answerOn(request, socket), socket, head, {
        open: () => httpRequest({ host: '127.0.0.1', port: agentPort, headers }),
        attach: () => () => {},
        isPlain: () => true,
        answerHeaders: () => ({}),
        switchingHeaders: () => ({ upgrade: 'websocket' }),
      });
    }),
  );
  const client = connect(gatewayPort, '127.0.0.1').pause();
  onTestFinished(() => void client.destroy());
  client.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  await vi.waitUntil(() => agentSide !== undefined && clientSide !== undefined, { timeout: 5_000 });
  let sent = 0;
  // Until nothing more fits between here and the client.
  while (clientSide!.writableLength === 0) {
    await new Promise((written) => void agentSide!.write(PIECE, written));
    sent += PIECE.length;
    await new Promise(setImmediate);
  }
  agentSide!.end();
  await once(agentSide!, 'finish');
  await new Promise(setImmediate);
  vi.advanceTimersByTime(30_000);
  let received = 0;
  client.on('data', (piece: Buffer) => (received += piece.length));
  await once(client.resume(), 'end');
  expect(received - sent).toBeGreaterThan(0);
  expect(received - sent).toBeLessThan(200);
});
