import type { UsageSample } from '@atoll/sdk';
import { addSample } from './usage-store.ts';
import type { Use } from './usage-store.ts';

/** What one sandbox used at some time. */
export interface Point extends Use {
  at: number;
}

/** How far back is kept: what is longer ago is forgotten. */
export const HISTORY_MS = 5 * 60_000;
/** After a longer pause the sandbox slept or the connection was lost; nothing is known of between. */
const MAX_PAUSE_MS = 15_000;

/** The points with one more, and without those that are too old. A sandbox that does not run adds none. */
export function addPoint(
  points: readonly Point[],
  sandboxId: string,
  { at, sandboxes }: UsageSample,
): readonly Point[] {
  const kept = points.filter((point) => point.at > at - HISTORY_MS);
  const last = kept.at(-1);
  const isNear = last !== undefined && at - last.at <= MAX_PAUSE_MS;
  const before = new Map(isNear ? [[sandboxId, last]] : []);
  const own = sandboxes.filter((one) => one.sandboxId === sandboxId);
  const use = addSample(before, isNear ? at - last.at : 0, { at, sandboxes: own }).get(sandboxId);
  return use === undefined ? kept : [...kept, { ...use, at }];
}

/** Runs of points that follow each other without a pause. */
export function runsOf(points: readonly Point[]): Point[][] {
  const runs: Point[][] = [];
  for (const point of points) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run !== undefined && last !== undefined && point.at - last.at <= MAX_PAUSE_MS) run.push(point);
    else runs.push([point]);
  }
  return runs;
}
