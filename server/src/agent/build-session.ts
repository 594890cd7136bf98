import { request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { ApiError } from '@atoll/protocol';
import type { SlotEndpoint } from '../runtime/driver.ts';
import { requestAgent } from './agent-request.ts';

/** One line to a builder: a piece of the log, or one of the two ends. */
export type BuilderAnswer =
  | { log: string }
  | { metadata: object }
  | { failed: string; shortOf?: 'memory' | 'disk' };

/** A builder in a sandbox that has asked for a build. */
export interface BuildSession {
  /** What it was told to build, as JSON; anything can be in it. */
  spec: unknown;
  /** The files that it was given, as a tar archive. */
  context: Readable;
  /** Aborts when the builder or its sandbox is gone. */
  gone: AbortSignal;
  /** Waits while the builder is behind. Rejects once it is gone. */
  say(answer: BuilderAnswer): Promise<void>;
  /** Lets the builder end. */
  end(): Promise<void>;
  /** Ends the builder as it is. */
  cut(): void;
}

/** Where a builder has announced itself. */
export interface BuilderCall {
  endpoint: SlotEndpoint;
  token: string;
  /** The agent's number for it. */
  handle: number;
}

const MAX_SPEC_BYTES = 1024 * 1024 + 1;
const ANSWER_WITHIN_MS = 30_000;

/**
 * Fetches what a builder asks for and opens the way back. Both connections are the server's own: nothing in a sandbox
 * can open one to the server. Absent when somebody serves the builder already, or it has gone.
 */
export async function openBuildSession(
  call: BuilderCall,
  signal: AbortSignal,
): Promise<BuildSession | undefined> {
  const gone = new AbortController();
  const ending = AbortSignal.any([signal, gone.signal]);
  const context = await fetchRequest(call, ending);
  if (context === undefined) return undefined;
  const lose = (): void => gone.abort(new ApiError('conflict', 'the builder has gone'));
  context.once('close', () => context.complete || lose());
  try {
    const spec = await readSpec(context, ending);
    const reply = openReply(call, ending, lose);
    return {
      spec,
      context,
      gone: gone.signal,
      say: (answer) => write(reply, `${JSON.stringify(answer)}\n`, gone.signal),
      end: () => endReply(reply, gone.signal),
      cut: lose,
    };
  } catch (error) {
    lose();
    throw error;
  }
}

const pathOf = ({ handle }: Pick<BuilderCall, 'handle'>): string => `/internal/v1/builds/${handle}`;

async function fetchRequest(
  { endpoint, token, ...call }: BuilderCall,
  signal: AbortSignal,
): Promise<IncomingMessage | undefined> {
  const response = await requestAgent({ endpoint, token }, { path: pathOf(call), signal });
  if (response.statusCode === 200) return response;
  response.destroy();
  return undefined;
}

/** The first line. What came with it beyond its end belongs to the archive. */
async function readSpec(context: IncomingMessage, signal: AbortSignal): Promise<unknown> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
  const line = await readLine(context, deadline);
  try {
    return JSON.parse(line.toString('utf8'));
  } catch {
    throw new ApiError('invalid_request', 'the specification of the build is not JSON');
  }
}

function readLine(context: IncomingMessage, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const read: Buffer[] = [];
    let length = 0;
    const settle = (work: () => void): void => {
      context.off('readable', onReadable).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      work();
    };
    const onAbort = (): void => settle(() => reject(signal.reason));
    const onClose = (): void =>
      settle(() => reject(new ApiError('invalid_request', 'the builder ended before it said what to build')));
    const onReadable = (): void => {
      for (let chunk = take(context); chunk !== undefined; chunk = take(context)) {
        const end = chunk.indexOf(0x0a);
        read.push(end < 0 ? chunk : chunk.subarray(0, end));
        length += chunk.length;
        if (end >= 0) {
          if (end + 1 < chunk.length) context.unshift(chunk.subarray(end + 1));
          return settle(() => resolve(Buffer.concat(read)));
        }
        if (length > MAX_SPEC_BYTES) {
          return settle(() =>
            reject(new ApiError('invalid_request', 'the specification of the build is too long')),
          );
        }
      }
    };
    context.on('readable', onReadable).once('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
    onReadable();
  });
}

const take = (context: IncomingMessage): Buffer | undefined => {
  const chunk: unknown = context.read();
  return Buffer.isBuffer(chunk) ? chunk : undefined;
};

/** The agent answers when the builder has its end, or before that when it is gone. */
function openReply(call: BuilderCall, signal: AbortSignal, onLost: () => void): ClientRequest {
  const reply = request({
    host: call.endpoint.host,
    port: call.endpoint.port,
    path: pathOf(call),
    method: 'POST',
    headers: { 'x-atoll-token': call.token, 'content-type': 'application/x-ndjson' },
    agent: false,
    signal,
  });
  reply.on('error', onLost);
  reply.once('response', (response) => {
    response.resume();
    if (response.statusCode !== 204) onLost();
  });
  reply.flushHeaders();
  return reply;
}

async function write(reply: ClientRequest, text: string, gone: AbortSignal): Promise<void> {
  gone.throwIfAborted();
  if (reply.write(text)) return;
  await until(gone, (done) => reply.once('drain', done));
}

async function endReply(reply: ClientRequest, gone: AbortSignal): Promise<void> {
  if (gone.aborted) return;
  const closed = until(AbortSignal.any([gone, AbortSignal.timeout(ANSWER_WITHIN_MS)]), (done) =>
    reply.once('close', done),
  );
  reply.end();
  await closed.catch(() => reply.destroy());
}

function until(signal: AbortSignal, listen: (done: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    listen(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}
