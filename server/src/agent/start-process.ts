import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { SlotEndpoint } from '../runtime/driver.ts';

/** What the agent said to a process that it was to start. */
export interface StartAnswer {
  statusCode: number;
  processName?: string;
  error?: string;
}

const ANSWER_TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 1_000_000;

/** Has the agent start a process by its sandbox API, as the clients of that do; its end is not waited for. */
export async function startProcess(
  { host, port }: SlotEndpoint,
  token: string,
  process: object,
  signal: AbortSignal,
): Promise<StartAnswer> {
  const body = JSON.stringify(process);
  const call = request({
    host,
    port,
    method: 'POST',
    path: '/blaxel/process',
    headers: {
      'x-atoll-token': token,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    },
    agent: false,
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
  });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  call.once('response', resolve).once('error', reject);
  call.end(body);
  const answer = await promise;
  return readAnswer(answer.statusCode ?? 502, await textOf(answer));
}

/** What is in a sandbox may have taken the agent's place: it is not read without an end. */
async function textOf(answer: IncomingMessage): Promise<string> {
  let size = 0;
  answer.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) answer.destroy(new Error('the answer is too long'));
  });
  return text(answer);
}

function readAnswer(statusCode: number, body: string): StartAnswer {
  const { name, error } = parse(body);
  return {
    statusCode,
    ...(typeof name === 'string' && { processName: name.slice(0, 200) }),
    ...(typeof error === 'string' && { error: error.slice(0, 1000) }),
  };
}

function parse(body: string): { name?: unknown; error?: unknown } {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
