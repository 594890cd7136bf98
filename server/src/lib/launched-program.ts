import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { Readable, Writable } from 'node:stream';
import { createFrameReader, frames, toFrame } from './launch-frame.ts';
import type { Program, ProgramEnd, ProgramOptions } from './program.ts';

const MAX_INPUT_BYTES = 256 * 1024;
const LOST = 'the connection to the launcher of programs ended';

/** Sends a frame; false where nobody is there to take it. */
type Send = (kind: number, content?: Buffer) => boolean;

/** A program on a connection of its own to the launcher. */
export function launchedProgram(
  socket: Socket,
  argv: readonly string[],
  { env, cwd, hasInput = false, isDetached = false }: ProgramOptions,
): Program {
  const send: Send = (kind, content = Buffer.alloc(0)) => {
    if (socket.writable) socket.write(toFrame(kind, content));
    return socket.writable;
  };
  const input = createInput(send);
  const outputs = createOutputs(socket);
  const { ended, hasEnded, tell } = followEnd(socket);
  let open = 3;
  /** Once all is heard. Were it the launcher who hung up, what is on the way to it would break what is on the way here. */
  const close = (): void => {
    open -= 1;
    if (open === 0) socket.destroySoon();
  };
  const streams: Record<number, Readable> = {
    [frames.output]: outputs.stdout,
    [frames.errors]: outputs.stderr,
  };
  const read = createFrameReader({
    onPart: (kind, part) => {
      if (kind === frames.end) tell(part);
      else outputs.take(streams[kind], part);
    },
    onDone: (kind, length) => {
      if (kind === frames.taken) return input.taken();
      if (kind === frames.end) tell(null);
      else if (length === 0) outputs.take(streams[kind], null);
      else return;
      close();
    },
  });
  socket.on('data', read);
  socket.once('close', () => {
    input.broken();
    for (const output of Object.values(streams)) outputs.cut(output);
  });
  if (isDetached) socket.unref();
  const variables =
    env && Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`));
  const request = { argv, env: variables, dir: cwd, input: hasInput, detached: isDetached };
  send(frames.start, Buffer.from(JSON.stringify(request)));
  return {
    stdin: input.stream,
    ...outputs,
    ended,
    hasEnded,
    kill: () => void send(frames.kill),
    hangUp: () => {
      for (const output of Object.values(streams)) output.destroy();
      socket.destroySoon(); // what was sent before comes to it
    },
  };
}

/** Who waits for the end hears of it also where the connection breaks first. */
function followEnd(socket: Socket) {
  const { promise: ended, resolve, reject } = Promise.withResolvers<ProgramEnd>();
  ended.catch(() => {}); // told to who waits for it
  let isSettled = false;
  const told: Buffer[] = [];
  const settle = (end: ProgramEnd | Error): void => {
    isSettled = true;
    if (end instanceof Error) reject(end);
    else resolve(end);
  };
  socket.once('error', (cause) => settle(new Error(`${LOST}: ${cause.message}`, { cause })));
  socket.once('close', () => settle(new Error(LOST)));
  return {
    ended,
    hasEnded: () => isSettled,
    /** Takes what is told of the end, piece by piece; null after the last. */
    tell: (part: Buffer | null): void => {
      if (part === null) settle(parseEnd(Buffer.concat(told)));
      else told.push(part);
    },
  };
}

function parseEnd(told: Buffer): ProgramEnd | Error {
  const { code, signal, error } = JSON.parse(told.toString('utf8')) as {
    code?: number;
    signal?: number;
    error?: string;
  }; // agent/internal/launch: type end
  if (error !== undefined) return new Error(error);
  return code === undefined ? { signal: signalName(signal) } : { code };
}

const signalName = (number: number | undefined): string =>
  Object.entries(constants.signals).find(([, one]) => one === number)?.[0] ?? `signal ${number}`;

/** Output and errors of the program. One that is full and not read stops the connection, and so the program. */
function createOutputs(socket: Socket) {
  const full = new Set<Readable>();
  const whole = new Set<Readable>();
  const goOn = (output: Readable): void => {
    full.delete(output);
    if (full.size === 0) socket.resume();
  };
  const create = (): Readable => {
    const output: Readable = new Readable({
      read: () => goOn(output),
      destroy: (error, done) => {
        goOn(output);
        done(error);
      },
    });
    output.on('error', () => {}); // told to who reads it
    return output;
  };
  return {
    stdout: create(),
    stderr: create(),
    take: (output: Readable | undefined, part: Buffer | null): void => {
      if (output === undefined || output.destroyed) return;
      if (part === null) whole.add(output);
      if (output.push(part) || part === null) return;
      full.add(output);
      socket.pause();
    },
    /** What was lost on the way does not look like an end. */
    cut: (output: Readable): void => {
      if (!whole.has(output)) output.destroy(new Error(LOST));
    },
  };
}

/** One frame at a time is on its way, so that the launcher always hears what comes after it. */
function createInput(send: Send) {
  let onTaken: ((error?: Error) => void) | undefined;
  let isClosed = false;
  const sendOne = (content: Buffer, done: (error?: Error) => void): void => {
    onTaken = done;
    if (!send(frames.input, content)) broken();
  };
  const taken = (error?: Error): void => {
    const done = onTaken;
    onTaken = undefined;
    done?.(error);
  };
  const broken = (): void => taken(Object.assign(new Error('the program has ended'), { code: 'EPIPE' }));
  const close = (done: (error?: Error) => void): void => {
    if (isClosed) return done();
    isClosed = true;
    sendOne(Buffer.alloc(0), done);
  };
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const sendFrom = (start: number): void => {
        if (start >= chunk.length) return done();
        const end = start + MAX_INPUT_BYTES;
        sendOne(chunk.subarray(start, end), (error) => (error ? done(error) : sendFrom(end)));
      };
      sendFrom(0);
    },
    final: close,
    /** What is given up in the middle is an end for the program, as that of a pipe is. */
    destroy: (error, done) => {
      if (onTaken === undefined) close(() => {});
      else onTaken = () => close(() => {});
      done(error);
    },
  });
  stream.on('error', () => {}); // a program that does not read tells why by its end
  return { stream, taken: () => taken(), broken };
}
