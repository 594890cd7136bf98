import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SentryError, callSentry } from './sentry-socket.ts';
import { slotPaths } from './slot-path.ts';
import type { DriverPaths } from './slot-path.ts';

const CALL_TIMEOUT_MS = 10_000;
/** How long the tasks of a sandbox that is being stopped may take to come to their stop. */
const SETTLE_MS = 2_000;
const LOOK_EVERY_MS = 50;

export type Standstill = ReturnType<typeof createStandstill>;

/** What the mark of a slot says; a slot without one runs. */
const marks = ['pausing', 'still', 'resuming'] as const;
type Mark = (typeof marks)[number];

/**
 * Stops the processes of a sandbox from inside. From outside, by the freezer of its control group, gVisor could not
 * answer, and one that is frozen twice kills the next process that it starts: the stub that it keeps ready for that does
 * not survive.
 *
 * gVisor counts pauses: a second one would need a second resume, and a resume too many ends the sandbox. So each call is
 * made once. A mark in the slot's folder says before a call what it is going to do and after it what it has done. A call
 * that was sent counts as done, answered or not: gVisor carries it out whoever waits. Only where a server died between
 * the two marks is nobody sure, and then gVisor is asked.
 */
export function createStandstill({ paths }: { paths: DriverPaths }) {
  const turns = new Map<string, Promise<void>>();
  /** One call of a slot at a time. */
  const inTurn = (slotId: string, work: () => Promise<void>): Promise<void> => {
    const turn = (turns.get(slotId) ?? Promise.resolve()).then(work, work);
    turns.set(slotId, turn);
    const leave = (): void => {
      if (turns.get(slotId) === turn) turns.delete(slotId);
    };
    turn.then(leave, leave);
    return turn;
  };

  const markOf = (slotId: string): string => slotPaths(paths, slotId).paused;
  const socketOf = (slotId: string): string => slotPaths(paths, slotId).controlSocket;

  /** Where the slot is, with what an earlier server left unsure found out. */
  const settledMark = async (slotId: string): Promise<'still' | undefined> => {
    const mark = readMark(markOf(slotId));
    if (mark === 'still' || mark === undefined) return mark;
    const isStill = await standsStill(socketOf(slotId));
    writeMark(markOf(slotId), isStill ? 'still' : undefined);
    return isStill ? 'still' : undefined;
  };

  const pause = (slotId: string): Promise<void> =>
    inTurn(slotId, async () => {
      if ((await settledMark(slotId)) === 'still') return;
      await change(markOf(slotId), { during: 'pausing', from: undefined, to: 'still' }, () =>
        callSentry(socketOf(slotId), 'containerManager.Pause', CALL_TIMEOUT_MS),
      );
    });

  const resume = (slotId: string): Promise<void> =>
    inTurn(slotId, async () => {
      if ((await settledMark(slotId)) === undefined) return;
      await change(markOf(slotId), { during: 'resuming', from: 'still', to: undefined }, () =>
        callSentry(socketOf(slotId), 'containerManager.Resume', CALL_TIMEOUT_MS),
      );
    });

  const isStill = (slotId: string): boolean => readMark(markOf(slotId)) !== undefined;

  return {
    isStill,
    /** Idempotent. */
    pause,
    /** Idempotent. */
    resume,
    /** Answers what makes the sandbox again as it was. */
    begin: async (slotId: string): Promise<() => Promise<void>> => {
      const wasStill = isStill(slotId);
      const end = async (): Promise<void> => {
        if (!wasStill) await resume(slotId);
      };
      try {
        await pause(slotId);
      } catch (error) {
        await end();
        throw error;
      }
      return end;
    },
  };
}

interface Change {
  during: Mark;
  from: 'still' | undefined;
  to: 'still' | undefined;
}

/** Makes a call between its two marks. */
async function change(
  path: string,
  { during, from, to }: Change,
  call: () => Promise<unknown>,
): Promise<void> {
  writeMark(path, during);
  try {
    await call();
  } catch (error) {
    writeMark(path, error instanceof SentryError && error.wasSent ? to : from);
    throw error;
  }
  writeMark(path, to);
}

// The run directory is memory: a file there is written sooner than a thread of the pool wakes for it, and wakes wait for it.

/** A mark that is empty was written by a server that knew no others. */
function readMark(path: string): Mark | undefined {
  try {
    const content = readFileSync(path, 'utf8');
    return marks.find((mark) => mark === content) ?? 'still';
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** As a whole or not at all; a slot that is being removed needs none. */
function writeMark(path: string, mark: Mark | undefined): void {
  if (mark === undefined) return rmSync(path, { force: true });
  writeFileSync(`${path}.next`, mark);
  renameSync(`${path}.next`, path);
}

/**
 * Whether all tasks of a sandbox stand in the stop that a pause puts them into. gVisor answers no question about that,
 * but shows what its threads do; the pod's own process, which nobody inside can stop, is among them. A pause that was
 * cut short may still be bringing tasks to their stop, so one that runs is looked at for a while.
 */
async function standsStill(socketPath: string): Promise<boolean> {
  const deadline = Date.now() + SETTLE_MS;
  for (;;) {
    const stacks = await callSentry(socketPath, 'debug.Stacks', CALL_TIMEOUT_MS);
    if (areAllStopped(String(stacks))) return true;
    if (Date.now() > deadline) return false;
    await sleep(LOOK_EVERY_MS);
  }
}

/** Of a dump of gVisor's threads, one paragraph each. */
export function areAllStopped(stacks: string): boolean {
  const tasks = stacks
    .split('\n\n')
    .filter((stack) => /created by \S+\/kernel\.\(\*Task\)\.Start\b/.test(stack));
  return tasks.length > 0 && tasks.every((stack) => /\/kernel\.\(\*Task\)\.doStop\(/.test(stack));
}
