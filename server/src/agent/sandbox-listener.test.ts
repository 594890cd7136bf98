import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { listenInSandbox } from './sandbox-listener.ts';
import type { AcceptedConnection } from './sandbox-listener.ts';

const accepted = (id: number): string =>
  `${JSON.stringify({ id: String(id), from: '127.0.0.1', port: 5 })}\n`;

/** Listens by something that speaks in an agent's place. `claim` is asked for each connection that is told of. */
async function listen(control: (socket: Socket) => void, claim: (path: string) => Promise<void>) {
  const server = createServer((socket) => void socket.on('error', () => socket.destroy())).listen(
    0,
    '127.0.0.1',
  );
  server.once('connection', control);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const served: AcceptedConnection[] = [];
  let controlSocket: Socket | undefined;
  const ask = async (path: string): Promise<Socket> => {
    if (controlSocket !== undefined) await claim(path);
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    controlSocket ??= socket;
    return socket;
  };
  const place = { host: '127.0.0.1', port: 0 };
  const listener = await listenInSandbox(ask, place, (connection) => served.push(connection));
  const closed = new Promise<void>((resolve) => listener.onClose(resolve));
  return { listener, served, closed };
}

test('connections are fetched as they are told of, and the listener ends with its sandbox', async () => {
  const asked: string[] = [];
  const { listener, served, closed } = await listen(
    (socket) => socket.end(`{"port":80}\n${accepted(1)}${accepted(2)}`),
    async (path) => void asked.push(path),
  );
  expect(listener.port).toBe(80);
  await closed;
  await expect.poll(() => served.length).toBe(2);
  expect(served[0]).toMatchObject({ from: '127.0.0.1', fromPort: 5, port: 80 });
  expect(asked).toEqual(['/internal/v1/accepted/1', '/internal/v1/accepted/2']);
  await listener.close();
});

test('a line without an end ends the listener', async () => {
  const { closed } = await listen(
    (socket) => {
      socket.write('{"port":80}\n');
      const pour = (): void => void socket.write('x'.repeat(1000), () => socket.destroyed || pour());
      pour();
    },
    () => Promise.resolve(),
  );
  await closed;
});

test('a flood of connections is fetched at the pace at which they open', async () => {
  let underWay = 0;
  let most = 0;
  const waiting: (() => void)[] = [];
  const { served, closed } = await listen(
    (socket) => {
      const flood = Array.from({ length: 500 }, (_, index) => accepted(index)).join('');
      socket.end(`{"port":80}\n${flood}`);
    },
    async () => {
      most = Math.max(most, (underWay += 1));
      await new Promise<void>((resolve) => waiting.push(resolve));
      underWay -= 1;
    },
  );
  await expect.poll(() => waiting.length).toBe(64);
  for (let done = 0; done < 500; done += 1) {
    await expect.poll(() => waiting.length, { interval: 1 }).toBeGreaterThan(0);
    waiting.shift()?.();
  }
  await closed;
  await expect.poll(() => served.length).toBe(500);
  expect(most).toBe(64);
});
