import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { Channel } from 'ssh2';

/** Types of the agent's frames (agent/internal/session/frame.go): a type, a length of four bytes, and the rest. */
const toAgent = { input: 0, end: 1, signal: 2, resize: 3 } as const;
const fromAgent = { stdout: 1, stderr: 2, exit: 3 } as const;
const HEAD_BYTES = 5;
const MAX_FRAME_BYTES = 64 * 1024;

export interface Size {
  rows: number;
  cols: number;
}

/** How a command ended. */
export interface SessionExit {
  code?: number;
  signal?: number;
}

/** Joins a channel of SSH with a session of the agent, at the pace of the slower side in each direction. */
export function joinSession(channel: Channel, agent: Socket, onExit: (exit: SessionExit) => void) {
  const send = (type: number, payload: Uint8Array): boolean => {
    if (!agent.writable) return true;
    const frame = Buffer.alloc(HEAD_BYTES + payload.length);
    frame.writeUInt8(type);
    frame.writeUInt32BE(payload.length, 1);
    frame.set(payload, HEAD_BYTES);
    return agent.write(frame);
  };

  channel.on('data', (data: Buffer) => {
    for (let at = 0; at < data.length; at += MAX_FRAME_BYTES)
      if (!send(toAgent.input, data.subarray(at, at + MAX_FRAME_BYTES))) channel.pause();
  });
  agent.on('drain', () => channel.resume());
  channel.on('end', () => send(toAgent.end, Buffer.alloc(0)));
  channel.on('close', () => agent.destroy());
  channel.on('error', () => agent.destroy());
  channel.stderr.on('error', () => agent.destroy());

  let hasExited = false;
  const output = createOutput(() => agent.resume());
  const takeFrame = createFrameReader((type, payload) => {
    if (type === fromAgent.stdout) return output.write(channel, payload);
    if (type === fromAgent.stderr) return output.write(channel.stderr, payload);
    if (type !== fromAgent.exit || hasExited) return true;
    hasExited = true;
    return output.afterwards(() => onExit(readExit(payload)));
  });
  agent.on('data', (data: Buffer) => {
    const isReady = takeFrame(data);
    if (isReady === undefined) agent.destroy();
    else if (!isReady) agent.pause();
  });
  agent.on('error', () => agent.destroy());
  agent.on('close', () => {
    // Else what is still on its way to the client goes first; the end of that closes the channel.
    if (!hasExited) channel.close();
  });
  return {
    signal: (number: number): void => void send(toAgent.signal, Buffer.from([number])),
    resize: ({ rows, cols }: Size): void => {
      const payload = Buffer.alloc(4);
      payload.writeUInt16BE(Math.min(rows, 0xffff));
      payload.writeUInt16BE(Math.min(cols, 0xffff), 2);
      send(toAgent.resize, payload);
    },
  };
}

/**
 * Writes one piece after the other, each when the one before has left. Of two streams of a channel that both wait for the
 * client's window, ssh2 goes on with one and forgets the other. Every call answers whether there is nothing to wait for.
 */
function createOutput(onIdle: () => void) {
  const waiting: ((done: () => void) => void)[] = [];
  let isBusy = false;
  const next = (): void => {
    const task = waiting.shift();
    isBusy = task !== undefined;
    if (task) task(next);
    else onIdle();
  };
  const add = (task: (done: () => void) => void): boolean => {
    waiting.push(task);
    if (!isBusy) next();
    return !isBusy;
  };
  return {
    write: (stream: Writable, payload: Buffer): boolean =>
      add((done) => void stream.write(payload, () => done())),
    afterwards: (work: () => void): boolean =>
      add((done) => {
        work();
        done();
      }),
  };
}

/** Root in a sandbox can send what it likes in the agent's place. */
function readExit(payload: Buffer): SessionExit {
  try {
    const { code, signal } = JSON.parse(payload.toString()) as Record<string, unknown>; // checked here
    return {
      ...(Number.isInteger(code) && { code: Number(code) & 0xff }),
      ...(Number.isInteger(signal) && { signal: Number(signal) & 0x7f }),
    };
  } catch {
    return {};
  }
}

/** Cuts a stream into frames; answers whether more may come at once, or nothing where a frame is too long. */
export function createFrameReader(take: (type: number, payload: Buffer) => boolean) {
  let rest: Buffer = Buffer.alloc(0);
  return (data: Buffer): boolean | undefined => {
    let isReady = true;
    rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
    while (rest.length >= HEAD_BYTES) {
      const size = rest.readUInt32BE(1);
      if (size > MAX_FRAME_BYTES) return undefined;
      if (rest.length < HEAD_BYTES + size) break;
      isReady = take(rest.readUInt8(), rest.subarray(HEAD_BYTES, HEAD_BYTES + size)) && isReady;
      rest = rest.subarray(HEAD_BYTES + size);
    }
    return isReady;
  };
}
