import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { ApiError } from '@atoll/protocol';
import { z } from 'zod';
import { BusyError } from '../lib/busy-error.ts';
import type { AgentAddress } from './ask-agent.ts';

/** Something that the host has mounted, and where it is to be seen. */
export interface Bind {
  source: string;
  target: string;
}

const ANSWER_TIMEOUT_MS = 20_000;
const MAX_ANSWER_BYTES = 64_000;

/** Has the agent show a mount at its place. Idempotent. */
export async function bindMount(agent: AgentAddress, bind: Bind, signal?: AbortSignal): Promise<void> {
  const { status, body } = await ask(
    agent,
    { method: 'POST', path: '/internal/v1/bind', body: bind },
    signal,
  );
  if (status === 204) return;
  if (status === 400)
    throw new ApiError('invalid_request', `nothing can be mounted at ${bind.target} in this sandbox`, {
      hint: 'Choose a mount path that leads through no file of the sandbox.',
    });
  throw new Error(`the agent binds no mount: ${status} ${body.slice(0, 300)}`);
}

/** Undoes it; `BusyError` where something has a file of it open. Idempotent. */
export async function unbindMount(agent: AgentAddress, bind: Bind): Promise<void> {
  const { status, body } = await ask(agent, { method: 'POST', path: '/internal/v1/unbind', body: bind });
  if (status === 204) return;
  if (status === 409) throw new BusyError('the mount');
  throw new Error(`the agent undoes no bind: ${status} ${body.slice(0, 300)}`);
}

const users = z.object({ pids: z.array(z.number().int()).max(100) });

/** Some of the processes that keep a mount from going; none where the agent cannot tell. */
export async function mountUsers(agent: AgentAddress, path: string): Promise<number[]> {
  try {
    const query = `/internal/v1/mount-users?path=${encodeURIComponent(path)}`;
    const { body } = await ask(agent, { method: 'GET', path: query });
    return users.parse(JSON.parse(body)).pids;
  } catch {
    return [];
  }
}

interface Call {
  method: 'GET' | 'POST';
  path: string;
  body?: object;
}

async function ask(
  { endpoint, token }: AgentAddress,
  { method, path, body }: Call,
  signal?: AbortSignal,
): Promise<{ status: number; body: string }> {
  const sent = body === undefined ? '' : JSON.stringify(body);
  const deadline = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const call = request({
    host: endpoint.host,
    port: endpoint.port,
    method,
    path,
    headers: {
      'x-atoll-token': token,
      ...(sent !== '' && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
    },
    agent: false,
    signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
  });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  call.once('response', resolve).once('error', reject);
  call.end(sent);
  const answer = await promise;
  return { status: answer.statusCode ?? 502, body: await textOf(answer) };
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
