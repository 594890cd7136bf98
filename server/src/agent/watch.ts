import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { SlotEndpoint } from '../runtime/driver.ts';
import { requestAgent } from './agent-request.ts';

/** What an agent tells on its event stream. Unknown events of newer agents are left aside. */
const agentEvent = z.discriminatedUnion('event', [
  z.object({ event: z.literal('hello'), incarnation: z.number(), generation: z.number() }),
  z.object({ event: z.literal('alive') }),
  z.object({ event: z.literal('exit'), pid: z.number(), oomKilled: z.boolean().optional() }),
  z.object({ event: z.literal('hold'), held: z.boolean() }),
  z.object({ event: z.literal('build'), handle: z.number() }),
  z.object({ event: z.literal('oom'), pid: z.number().optional(), reason: z.string().max(64) }),
]);
export type AgentEvent = z.output<typeof agentEvent>;

/** An agent that is alive says so every 30 s. */
const SILENCE_LIMIT_MS = 75_000;

/**
 * Follows the events of a running agent until the stream ends, by itself or by the signal; never rejects. The stream
 * doubles as the agent's sign of life: it breaks when the agent dies, and silence counts as death.
 */
export async function followAgent(
  endpoint: SlotEndpoint,
  token: string,
  onEvent: (event: AgentEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const call = { path: '/internal/v1/events', silenceMs: SILENCE_LIMIT_MS, signal };
  const response = await requestAgent({ endpoint, token }, call).catch(() => undefined);
  if (response === undefined) return;
  if (response.statusCode === 200) readEvents(response, onEvent);
  else response.destroy();
  // It may have broken right behind its head.
  if (!response.closed) await new Promise((resolve) => response.once('close', resolve));
}

/** Longer lines than any event of ours are noise, and would be memory. */
const MAX_LINE_CHARS = 64 * 1024;
/** What is read is worth this much waiting, so that no sandbox takes more than a few percent of the server. */
const WAIT_PER_LINE_MS = 0.2;
const WAIT_PER_KB_MS = 0.5;

/** The sandbox's user can be root and so may speak in the agent's name: anything can come here, without end. */
function readEvents(response: IncomingMessage, onEvent: (event: AgentEvent) => void): void {
  let rest = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_CHARS || !readLines(lines, onEvent)) return void response.destroy();
    slowDown(response, lines.length * WAIT_PER_LINE_MS + (chunk.length / 1024) * WAIT_PER_KB_MS);
  });
}

/** False once a line is no JSON: an agent writes nothing else. */
function readLines(lines: readonly string[], onEvent: (event: AgentEvent) => void): boolean {
  for (const line of lines) {
    const message = parseJson(line);
    if (message === undefined) return false;
    const parsed = agentEvent.safeParse(message);
    if (parsed.success) onEvent(parsed.data);
  }
  return true;
}

function slowDown(response: IncomingMessage, ms: number): void {
  if (ms < 1) return;
  response.pause();
  setTimeout(() => response.resume(), ms).unref();
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
