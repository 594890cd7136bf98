import { exitEvent, outputEvent } from '@atoll/protocol';
import { z } from 'zod';
import { bodyChunks } from './body-chunks.ts';
import { SandboxConnectionError, toSandboxError } from './errors.ts';
import { toOutputEvent } from './process-info.ts';
import type { OutputEvent, RunEvent } from './process-info.ts';
import { readEvents } from './server-sent-events.ts';

const startedEvent = z.object({ pid: z.number(), started_at: z.number() });

/** The events of `POST /processes/run`; throws where the stream breaks off before the command has ended. */
export async function* readRun(response: Response, signal?: AbortSignal): AsyncGenerator<RunEvent> {
  const events = eventsOf(response, signal);
  for await (const { data } of events) {
    const event = toRunEvent(data);
    if (event === undefined) continue;
    const isEnd = event.kind === 'exited' || event.kind === 'signaled';
    if (isEnd) await readEnd(events);
    yield event;
    if (isEnd) return;
  }
  throw brokenOff('the connection ended before the command did');
}

/** A stream that is read to its end leaves its connection to the next call. What breaks there now changes nothing. */
async function readEnd(events: AsyncGenerator): Promise<void> {
  await events.next().catch(() => {});
}

/** Events are untagged: which fields are there says what it is. Unknown ones are skipped. */
function toRunEvent(data: unknown): RunEvent | undefined {
  const output = outputEvent.safeParse(data);
  if (output.success) {
    const { line, timestamp, stream } = toOutputEvent(output.data);
    return { kind: 'output', stream: stream ?? 'stdout', line, timestamp };
  }
  const started = startedEvent.safeParse(data);
  if (started.success) {
    return { kind: 'started', pid: started.data.pid, startedAt: new Date(started.data.started_at) };
  }
  return toEnd(exitEvent.parse(data));
}

function toEnd({ exit_code, signal, oom_killed }: z.output<typeof exitEvent>): RunEvent | undefined {
  if (signal !== undefined) return { kind: 'signaled', signal, oomKilled: oom_killed ?? false };
  return exit_code === undefined ? undefined : { kind: 'exited', exitCode: exit_code };
}

/** The lines of a `follow` stream until its `eof`. */
export async function* readFollow(response: Response, signal?: AbortSignal): AsyncGenerator<OutputEvent> {
  const events = eventsOf(response, signal);
  for await (const { event, data } of events) {
    if (event === 'eof') return readEnd(events);
    const output = outputEvent.safeParse(data);
    if (output.success) yield toOutputEvent(output.data);
  }
  throw brokenOff('the connection ended before the process did');
}

async function* eventsOf(
  response: Response,
  signal?: AbortSignal,
): AsyncGenerator<{ event: string; data: unknown }> {
  if (response.body === null) throw brokenOff('the server sent no stream');
  try {
    for await (const { event, data } of readEvents(bodyChunks(response.body)))
      yield { event, data: JSON.parse(data) };
  } catch (error) {
    throw toSandboxError(error, signal);
  }
}

const brokenOff = (message: string) =>
  new SandboxConnectionError(message, {
    hint: 'See with `atoll sbx describe` whether the sandbox still runs.',
  });
