import { createHash, randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { connectBulk, readBulk } from './bulk-read.ts';
import { connectionError, RemoteAPIError, SandboxConnectionError } from './errors.ts';
import {
  createEncoder,
  encodeClose,
  encodeFrame,
  FrameError,
  FrameReader,
  NO_CODE,
  opcodes,
} from './frame.ts';

const CONNECT_TIMEOUT_MS = 30_000;
const MAX_ERROR_BODY_BYTES = 64 * 1024;
/** For how long the other side may be silent once it was told that nothing more comes; the agent waits for less. */
const CLOSED_SILENCE_MS = 60_000;
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const NORMAL = 1000;

/** What a socket tells of. */
export interface ByteHandler {
  /** The piece is the handler's until it returns; with false until it calls `resume`, and nothing more is read before. */
  onData: (piece: Buffer) => boolean;
  /** Once, when nothing comes any more, however that came. */
  onClose: () => void;
}

/** A WebSocket of a sandbox as a stream of bytes, for much of them. */
export interface ByteSocket {
  /** Begins to read. */
  start(handler: ByteHandler): void;
  /** False where so much waits that the caller should, until `onDrain` is called. */
  send(piece: Uint8Array): boolean;
  onDrain(listen: () => void): void;
  resume(): void;
  ping(): void;
  /** Nothing more is sent; what the other side still sends is read. */
  end(): void;
  /** At once. */
  destroy(): void;
}

/** Opens one. What the server refuses is a RemoteAPIError. */
export async function openByteSocket(url: string, headers: Record<string, string>): Promise<ByteSocket> {
  const key = randomBytes(16).toString('base64');
  const { socket, head } = await shakeHands(url, headers, key);
  return createByteSocket(socket, head);
}

interface Upgraded {
  socket: Socket;
  /** What came with the answer. */
  head: Buffer;
}

function shakeHands(url: string, headers: Record<string, string>, key: string): Promise<Upgraded> {
  const target = new URL(url);
  const isSecure = target.protocol === 'wss:';
  target.protocol = isSecure ? 'https:' : 'http:';
  const call = (isSecure ? httpsRequest : httpRequest)(target, {
    // Who opens the connection is asked only where there is no agent.
    ...(isSecure
      ? { agent: false }
      : { createConnection: () => connectBulk({ host: hostOf(target), port: Number(target.port || 80) }) }),
    timeout: CONNECT_TIMEOUT_MS,
    headers: {
      ...headers,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': key,
    },
  });
  return new Promise((resolve, reject) => {
    call.on('error', (error) => reject(connectionError(error)));
    call.once('timeout', () => call.destroy(new Error('the server does not answer')));
    call.once('upgrade', (answer, socket, head) => {
      const problem = problemOf(answer, key);
      if (problem === undefined) return resolve({ socket: socket as Socket, head }); // HTTP runs on nothing else here
      socket.destroy();
      reject(new SandboxConnectionError(problem));
    });
    call.once('response', (answer) => refuse(answer, reject));
    call.end();
  });
}

/** Addresses of IPv6 are in brackets. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1');

/** What keeps an answer from being the one to this handshake. */
function problemOf({ headers }: IncomingMessage, key: string): string | undefined {
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  if (headers.upgrade?.toLowerCase() !== 'websocket' || headers['sec-websocket-accept'] !== accept)
    return 'the answer is not the one to a WebSocket handshake';
  if (headers['sec-websocket-extensions'] !== undefined || headers['sec-websocket-protocol'] !== undefined)
    return 'the server wants an extension or a protocol that nobody asked for';
  return undefined;
}

function refuse(answer: IncomingMessage, reject: (error: Error) => void): void {
  let body = '';
  answer.setEncoding('utf8');
  answer.on('error', () => {}); // what has come of it says enough
  answer.on('data', (chunk: string) => (body = (body + chunk).slice(0, MAX_ERROR_BODY_BYTES)));
  answer.once('close', () => reject(new RemoteAPIError(answer.statusCode ?? 502, body)));
}

function createByteSocket(socket: Socket, head: Buffer): ByteSocket {
  let isEnding = false;
  /** The other side's: nothing may follow it but the answer. */
  let isClosed = false;
  const encode = createEncoder();
  const write = (frame: Buffer): boolean => socket.writable && socket.write(frame);
  const close = (code: number, reason: string): void => {
    if (isEnding) return;
    isEnding = true;
    write(encodeClose({ code, reason }));
    socket.setTimeout(CLOSED_SILENCE_MS);
  };
  // Who is not read from may be silent.
  socket.on('timeout', () => (socket.isPaused() ? socket.setTimeout(CLOSED_SILENCE_MS) : socket.destroy()));
  socket.setTimeout(0);
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.pause();
  return {
    start: ({ onData, onClose }) => {
      let goesOn = true;
      const reader = new FrameReader({
        onData: (piece) => {
          goesOn = onData(piece) && goesOn;
        },
        onPing: (payload) => {
          if (!isEnding) write(encodeFrame(opcodes.pong, payload));
        },
        onPong: () => {},
        onClose: ({ code }) => {
          isClosed = true;
          close(code === NO_CODE ? NORMAL : code, '');
          socket.destroySoon();
        },
      });
      const take = (piece: Buffer): boolean => {
        if (isClosed) return true;
        goesOn = true;
        try {
          reader.push(piece);
        } catch (error) {
          isClosed = true;
          if (error instanceof FrameError) close(error.code, error.message);
          socket.destroySoon();
        }
        return goesOn;
      };
      socket.once('end', () => socket.end());
      socket.once('close', onClose);
      if (socket.destroyed) return onClose();
      readBulk(socket, take);
      if (head.length === 0 || take(head)) socket.resume();
    },
    send: (piece) => {
      if (isEnding || !socket.writable) return true;
      const goesOn = socket.write(encode(opcodes.binary, piece));
      if (socket.writableLength > 0) encode.keepLast();
      return goesOn;
    },
    onDrain: (listen) => void socket.on('drain', listen),
    resume: () => void socket.resume(),
    ping: () => {
      if (!isEnding) write(encodeFrame(opcodes.ping, new Uint8Array()));
    },
    end: () => close(NORMAL, ''),
    destroy: () => void socket.destroy(),
  };
}
