import { AsyncLocalStorage } from 'node:async_hooks';

/** One part of the work for a request, and how long it took. */
export interface Stage {
  name: string;
  ms: number;
}

const current = new AsyncLocalStorage<Stage[]>();

/** Runs the work for one request; what calls `stage` in it notes its time in the list that `work` gets. */
export const withStages = <T>(work: (stages: readonly Stage[]) => T): T => {
  const stages: Stage[] = [];
  return current.run(stages, () => work(stages));
};

/** Notes how long a part of the work takes, where somebody asked for it. */
export async function stage<T>(name: string, work: () => Promise<T> | T): Promise<T> {
  const stages = current.getStore();
  if (stages === undefined) return work();
  const startedAt = performance.now();
  try {
    return await work();
  } finally {
    stages.push({ name, ms: performance.now() - startedAt });
  }
}

/** The header that tells a client where the time went (https://www.w3.org/TR/server-timing/). */
export const serverTiming = (stages: readonly Stage[], totalMs: number): string =>
  [...stages, { name: 'total', ms: totalMs }]
    .map(({ name, ms }) => `${name};dur=${ms.toFixed(1)}`)
    .join(', ');
