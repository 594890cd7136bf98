import { ApiError } from '@atoll/protocol';
import { z } from 'zod';
import { BusyError } from '../lib/busy-error.ts';
import { readText, requestAgent } from './agent-request.ts';
import type { AgentAddress } from './ask-agent.ts';

/** Something that the host has mounted, and where it is to be seen. */
export interface Bind {
  source: string;
  target: string;
}

const ANSWER_TIMEOUT_MS = 20_000;
const MAX_ANSWER_CHARS = 64_000;

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

/** Undoes it, and tells whether it was there; `BusyError` where something has a file of it open. Idempotent. */
export async function unbindMount(agent: AgentAddress, bind: Bind): Promise<boolean> {
  const { status, body } = await ask(agent, { method: 'POST', path: '/internal/v1/unbind', body: bind });
  if (status === 200 || status === 204) return status === 204;
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
  agent: AgentAddress,
  call: Call,
  signal?: AbortSignal,
): Promise<{ status: number; body: string }> {
  const deadline = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  const answer = await requestAgent(agent, { ...call, signal: either });
  return { status: answer.statusCode ?? 502, body: await readText(answer, MAX_ANSWER_CHARS) };
}
