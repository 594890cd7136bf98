import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import type WebSocket from 'ws';
import { ByteChannel } from './byte-channel.ts';
import { answerChallenge } from './vnc-password.ts';

/** What the stand-in says; what is left out is what a plain server says. */
export interface Script {
  password?: string;
  greeting?: string;
  width?: number;
  height?: number;
  /** Answers the n-th request for the screen. */
  draw?: (request: number) => Buffer;
}

/** A rectangle of one colour, as a server sends it. */
export function rectangle(x: number, y: number, width: number, height: number, color: number): Buffer {
  const pixels = Buffer.alloc(width * height * 4);
  for (let at = 0; at < pixels.length; at += 4) pixels.writeUInt32LE(color, at);
  return Buffer.concat([rectangleHead(x, y, width, height, 0), pixels]);
}

export function rectangleHead(x: number, y: number, width: number, height: number, encoding: number): Buffer {
  const head = Buffer.alloc(12);
  for (const [index, value] of [x, y, width, height].entries()) head.writeUInt16BE(value, index * 2);
  head.writeInt32BE(encoding, 8);
  return head;
}

export const update = (...rectangles: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([0, 0, 0, rectangles.length]), ...rectangles]);

/** A VNC server behind the tunnel of a sandbox; it notes what keys and mouse do. */
export async function openStandIn(script: Script) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  const events: string[] = [];
  server.on('connection', (socket: WebSocket) => {
    serve(new ByteChannel(socket), script, events).catch(() => socket.terminate());
  });
  await once(server, 'listening');
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return { address: async () => ({ baseUrl: `http://127.0.0.1:${port}`, headers: {} }), events };
}

async function serve(channel: ByteChannel, script: Script, events: string[]): Promise<void> {
  await channel.send(Buffer.from(script.greeting ?? 'RFB 003.008\n'));
  await channel.read(12);
  const type = script.password === undefined ? 1 : 2;
  await channel.send(Buffer.from([1, type]));
  await channel.read(1);
  if (script.password !== undefined && !(await isRightPassword(channel, script.password))) {
    const reason = Buffer.from('wrong password');
    return channel.send(Buffer.concat([Buffer.from([0, 0, 0, 1, 0, 0, 0, reason.length]), reason]));
  }
  await channel.send(Buffer.alloc(4));
  events.push(`shared ${(await channel.read(1))[0]}`);
  const init = Buffer.alloc(24);
  init.writeUInt16BE(script.width ?? 4, 0);
  init.writeUInt16BE(script.height ?? 2, 2);
  init.writeUInt32BE(4, 20);
  await channel.send(Buffer.concat([init, Buffer.from('test')]));
  await follow(channel, script, events);
}

async function isRightPassword(channel: ByteChannel, password: string): Promise<boolean> {
  const challenge = Buffer.from('0123456789abcdef');
  await channel.send(challenge);
  return (await channel.read(16)).equals(answerChallenge(password, challenge));
}

async function follow(channel: ByteChannel, { draw }: Script, events: string[]): Promise<never> {
  let requests = 0;
  for (;;) {
    const type = (await channel.read(1))[0];
    if (type === 0) await channel.read(19);
    else if (type === 2) await channel.read(3 + 4 * 2);
    else if (type === 3) {
      await channel.read(9);
      await channel.send(draw?.(requests++) ?? update());
    } else if (type === 4) {
      const key = await channel.read(7);
      events.push(`${key[0] === 1 ? 'down' : 'up'} ${key.readUInt32BE(3).toString(16)}`);
    } else if (type === 5) {
      const pointer = await channel.read(5);
      events.push(`mouse ${pointer[0]} ${pointer.readUInt16BE(1)},${pointer.readUInt16BE(3)}`);
    } else throw new Error(`message ${type}`);
  }
}
