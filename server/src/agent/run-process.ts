import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { SlotEndpoint } from '../runtime/driver.ts';
import { readText, requestAgent } from './agent-request.ts';

/** A process to run to its end in a sandbox. */
export interface ProcessRequest {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  workingDir: string;
  /** As USER has it: `name`, `uid`, `uid:gid`, `name:group`. */
  user: string;
}

export interface OutputLine {
  stream: 'stdout' | 'stderr';
  text: string;
}

/** How it ended. */
export type ProcessEnd =
  | { kind: 'exited'; code: number }
  | { kind: 'signaled'; signal: number; oomKilled: boolean }
  /** It never began: the agent's words. */
  | { kind: 'refused'; reason: string }
  /** The sandbox ended first. */
  | { kind: 'lost' };

const runEvent = z.union([
  z.object({ line: z.string(), stream: z.enum(['stdout', 'stderr']) }),
  z.object({ exit_code: z.number() }),
  z.object({ signal: z.number(), oom_killed: z.boolean().optional() }),
  z.object({ pid: z.number() }),
]);

const refusal = z.object({ error: z.string() }).or(z.object({ message: z.string() }));

/** A sandbox can speak in its agent's name: what it says is bounded. */
const MAX_EVENT_CHARS = 32 * 1024 * 1024;
const MAX_REASON_CHARS = 1_000_000;
/** The agent says something every 15 s. */
const SILENCE_LIMIT_MS = 75_000;

export interface RunHooks {
  onLine: (line: OutputLine) => void;
  signal: AbortSignal;
}

/** Runs a process in a sandbox; its output comes line by line. Who aborts takes the process with them. */
export async function runProcess(
  endpoint: SlotEndpoint,
  token: string,
  process: ProcessRequest,
  { onLine, signal }: RunHooks,
): Promise<ProcessEnd> {
  try {
    const answer = await requestAgent(
      { endpoint, token },
      {
        method: 'POST',
        path: '/api/v1/processes/run',
        body: bodyOf(process),
        silenceMs: SILENCE_LIMIT_MS,
        signal,
      },
    );
    const end = await readAnswer(answer, onLine);
    signal.throwIfAborted();
    return end;
  } catch {
    signal.throwIfAborted();
    return { kind: 'lost' };
  }
}

function bodyOf({ argv, env, workingDir, user }: ProcessRequest): object {
  const [command = '', ...args] = argv;
  return { command, args, env, working_dir: workingDir, user: user === '' ? '0' : user };
}

async function readAnswer(
  response: IncomingMessage,
  onLine: (line: OutputLine) => void,
): Promise<ProcessEnd> {
  if (response.statusCode !== 200) return { kind: 'refused', reason: await reasonOf(response) };
  let rest = '';
  let end: ProcessEnd = { kind: 'lost' };
  for await (const chunk of response.setEncoding('utf8')) {
    const events = `${rest}${chunk}`.split('\n\n');
    rest = events.pop() ?? '';
    if (rest.length > MAX_EVENT_CHARS) throw new Error('an event of the agent has no end');
    for (const event of events) end = readEvent(event, onLine) ?? end;
  }
  return end;
}

function readEvent(event: string, onLine: (line: OutputLine) => void): ProcessEnd | undefined {
  if (!event.startsWith('data: ')) return undefined;
  const parsed = runEvent.safeParse(JSON.parse(event.slice('data: '.length)));
  if (!parsed.success) return undefined;
  const { data } = parsed;
  if ('line' in data) onLine({ stream: data.stream, text: data.line });
  if ('exit_code' in data) return { kind: 'exited', code: data.exit_code };
  if ('signal' in data) return { kind: 'signaled', signal: data.signal, oomKilled: data.oom_killed === true };
  return undefined;
}

async function reasonOf(response: IncomingMessage): Promise<string> {
  const body = (await readText(response, MAX_REASON_CHARS)).slice(0, 4096);
  try {
    const parsed = refusal.parse(JSON.parse(body));
    return 'error' in parsed ? parsed.error : parsed.message;
  } catch {
    return body;
  }
}
