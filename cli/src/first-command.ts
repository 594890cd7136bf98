import { setTimeout as sleep } from 'node:timers/promises';
import type { CreateAndConnectOptions, Sandbox, SandboxClient } from '@atoll/sdk';

/** How creates follow each other: after the end of the one before, at a steady rate, or all at once. */
export const arrivals = {
  sequential: { everyMs: undefined },
  staggered: { everyMs: 200 },
  burst: { everyMs: 0 },
} as const;
export type Arrival = keyof typeof arrivals;
export const arrivalNames = Object.keys(arrivals) as Arrival[]; // keys of a constant

export interface FirstCommands {
  arrival: Arrival;
  asked: number;
  succeeded: number;
  /** From the first create to the last answer. */
  wallMs: number;
  /** Of those that succeeded, in milliseconds: from a create to the answer of its first command. */
  times: number[];
  /** Why the others did not; each reason once. */
  failures: string[];
}

export interface FirstCommandOptions {
  count: number;
  create?: CreateAndConnectOptions;
  signal?: AbortSignal;
}

/** Makes sandboxes, has each print a word, and ends them all; ending them is not timed. */
export async function timeFirstCommands(
  client: SandboxClient,
  arrival: Arrival,
  { count, create = {}, signal }: FirstCommandOptions,
): Promise<FirstCommands> {
  const { everyMs } = arrivals[arrival];
  const times: number[] = [];
  const failures = new Set<string>();
  const living = new Set<Sandbox>();
  const one = async (): Promise<void> => {
    if (signal?.aborted) return;
    const startedAt = performance.now();
    try {
      // Not aborted: a create in flight could leave a sandbox that nobody knows of.
      const sandbox = await client.createAndConnect(create);
      living.add(sandbox);
      const { stdout } = await sandbox.run('echo', { args: ['ready'] });
      if (stdout.trim() !== 'ready') throw new Error(`the first command printed ${JSON.stringify(stdout)}`);
      times.push(performance.now() - startedAt);
    } catch (error) {
      failures.add(error instanceof Error ? error.message : String(error));
    }
  };
  const endAll = async (): Promise<void> => {
    const ended = [...living];
    living.clear();
    await Promise.all(ended.map((sandbox) => sandbox.terminate()));
  };
  let endingMs = 0;
  const startedAt = performance.now();
  try {
    if (everyMs === undefined) {
      for (let index = 0; index < count; index += 1) {
        await one();
        const beforeEnd = performance.now();
        await endAll();
        endingMs += performance.now() - beforeEnd;
      }
    } else {
      // Each begins at its time, however long those before take.
      await Promise.all(Array.from({ length: count }, (_, index) => sleep(index * everyMs).then(one)));
    }
    const wallMs = performance.now() - startedAt - endingMs;
    return { arrival, asked: count, succeeded: times.length, wallMs, times, failures: [...failures] };
  } finally {
    await endAll();
  }
}
