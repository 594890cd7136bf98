import type { SlotEndpoint } from '../runtime/driver.ts';
import { readText, requestAgent } from './agent-request.ts';

/** What the agent said to a process that it was to start. */
export interface StartAnswer {
  statusCode: number;
  processName?: string;
  error?: string;
}

const ANSWER_TIMEOUT_MS = 30_000;
const MAX_ANSWER_CHARS = 1_000_000;

/** Has the agent start a process by its sandbox API, as the clients of that do; its end is not waited for. */
export async function startProcess(
  endpoint: SlotEndpoint,
  token: string,
  process: object,
  signal: AbortSignal,
): Promise<StartAnswer> {
  const either = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  const call = { method: 'POST', path: '/blaxel/process', body: process, signal: either } as const;
  const answer = await requestAgent({ endpoint, token }, call);
  return readAnswer(answer.statusCode ?? 502, await readText(answer, MAX_ANSWER_CHARS));
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
