import { AsyncLocalStorage } from 'node:async_hooks';

/** One part of the work for a request, and how long it took. */
export interface Stage {
  name: string;
  ms: number;
}

/** The list of the work at hand, after those of the work that it is a part of. */
const current = new AsyncLocalStorage<readonly Stage[][]>();

/**
 * Runs the work for one request, or one part of it that is looked at by itself; what calls `stage` in it notes its time
 * in the list that `work` gets, and in those around it.
 */
export const withStages = <T>(work: (stages: readonly Stage[]) => T): T => {
  const stages: Stage[] = [];
  return current.run([...(current.getStore() ?? []), stages], () => work(stages));
};

/** What has been noted of the work at hand by now. */
export const stagesSoFar = (): readonly Stage[] => [...(current.getStore()?.at(-1) ?? [])];

/** Notes a part of the work that began at a time of `performance.now()` and ends now. */
export function endStage(name: string, startedAt: number): void {
  const ms = performance.now() - startedAt;
  for (const stages of current.getStore() ?? []) stages.push({ name, ms });
}

/** Notes how long a part of the work takes, where somebody asked for it. */
export async function stage<T>(name: string, work: () => Promise<T> | T): Promise<T> {
  const startedAt = performance.now();
  try {
    return await work();
  } finally {
    endStage(name, startedAt);
  }
}

/** The header that tells a client where the time went (https://www.w3.org/TR/server-timing/). */
export const serverTiming = (stages: readonly Stage[], totalMs: number): string =>
  [...stages, { name: 'total', ms: totalMs }]
    .map(({ name, ms }) => `${name};dur=${ms.toFixed(1)}`)
    .join(', ');
