import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { pause } from '../lib/deadline.ts';
import type { SlotEndpoint } from '../runtime/driver.ts';
import { requestAgent } from './agent-request.ts';

const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

/** The first line: whose lines follow, and after which of them. */
const head = z.object({ journal: z.string().regex(/^[0-9a-f]{32}$/), after: count });

/** One line that a process printed; the first of each process says what it is. */
const journalLine = z.object({
  seq: count,
  at: count,
  process: z.string().max(64),
  stream: z.union([z.literal(1), z.literal(2)]),
  text: z.string(),
  cut: z.boolean().optional(),
  pid: count.optional(),
  command: z.string().max(2_048).optional(),
  managed_id: z.string().max(256).optional(),
  managed_name: z.string().max(256).optional(),
});
export type AgentLine = z.output<typeof journalLine>;
export type JournalHead = z.output<typeof head>;

export interface JournalReading {
  endpoint: SlotEndpoint;
  token: string;
  /** What was read before. */
  seen: JournalHead;
  /** Whether to stay for what comes, or to end with what is there. */
  follow: boolean;
  signal: AbortSignal;
  onHead: (head: JournalHead) => void;
  /** No more is read until this resolves. */
  onLines: (lines: AgentLine[]) => Promise<void>;
}

/** An agent that is alive says so every 30 s. */
const SILENCE_LIMIT_MS = 75_000;

/**
 * Reads what the processes of a sandbox print, until the stream ends, by itself or by the signal; never rejects for what
 * an agent does. What is not read waits in the agent, in bounded memory. `unknown` where the agent keeps no journal.
 */
export async function readJournal(reading: JournalReading): Promise<'ended' | 'unknown'> {
  const { endpoint, token, seen, follow, signal } = reading;
  const path = `/internal/v1/logs?seen=${seen.journal}&after=${seen.after}&follow=${follow}`;
  const call = { path, silenceMs: SILENCE_LIMIT_MS, signal };
  const response = await requestAgent({ endpoint, token }, call).catch(() => undefined);
  if (response?.statusCode === 200) await readLines(response, reading);
  response?.destroy();
  return response?.statusCode === 404 ? 'unknown' : 'ended';
}

/** The longest line of ours, each byte of it written as six. */
const MAX_LINE_CHARS = 128 * 1024;

/** The sandbox's user can be root and so may speak in the agent's name: anything can come here, without end. */
async function readLines(response: IncomingMessage, reading: JournalReading): Promise<void> {
  const slowDown = createBrake(reading.signal);
  let rest = '';
  let isBegun = false;
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      const text = String(chunk);
      const raw = (rest + text).split('\n');
      rest = raw.pop() ?? '';
      if (rest.length > MAX_LINE_CHARS) return;
      const [first] = raw;
      if (!isBegun && first !== undefined) {
        reading.onHead(head.parse(JSON.parse(first)));
        isBegun = true;
        raw.shift();
      }
      const lines = raw.flatMap(parseLine);
      if (lines.length > 0) await reading.onLines(lines);
      await slowDown(raw.length, text.length);
    }
  } catch {
    // No agent of ours, or one that is gone; who reads looks after that.
  }
}

/** Nothing where it is a sign of life, or what newer agents may tell; throws where it is no JSON. */
function parseLine(text: string): AgentLine[] {
  const line = journalLine.safeParse(JSON.parse(text));
  return line.success ? [line.data] : [];
}

/** What is read is worth this much waiting, so that no sandbox takes more than a few percent of the server. */
const WAIT_PER_LINE_MS = 0.2;
const WAIT_PER_KB_MS = 0.5;
/** What comes at once is taken at once, up to this much waiting: most output comes in bursts. */
const BURST_MS = 10_000;

function createBrake(signal: AbortSignal): (lines: number, chars: number) => Promise<void> {
  let owedMs = 0;
  let at = performance.now();
  return async (lines, chars) => {
    const now = performance.now();
    owedMs = Math.max(0, owedMs - (now - at)) + lines * WAIT_PER_LINE_MS + (chars / 1024) * WAIT_PER_KB_MS;
    at = now;
    if (owedMs > BURST_MS) await pause(owedMs - BURST_MS, signal);
  };
}
