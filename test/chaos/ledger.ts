import type { Random } from './random.ts';
import type { StoredSandbox } from './records.ts';

/** A sandbox as its owner knows it. */
export interface Owned {
  /** In a file, and in the memory of a process unless the sandbox was rolled back. */
  mark: string;
  hasProcess: boolean;
  /** Its end was asked for, or its runtime was killed. */
  mayHaveEnded: boolean;
}

/** A snapshot that was reported as safe, and what it has to hold. */
export interface Kept {
  kind: 'filesystem' | 'memory';
  mark: string;
  hasProcess: boolean;
}

/** What the clients of a server have been promised. */
export function createLedger() {
  const sandboxes = new Map<string, Owned>();
  /** By the sandbox that each was asked of, until it is known what became of it. */
  const asked = new Map<string, Kept>();
  const kept = new Map<string, Kept>();
  return {
    sandboxes,
    asked,
    kept,
    pick: (random: Random): [string, Owned] | undefined => random.pick([...sandboxes]),
    /** Whose memory a reboot takes; what sleeps on disk, or is being woken from it, outlives that. */
    loseMemory: (records: readonly StoredSandbox[]): void => {
      for (const { id, checkpointId } of records) {
        const owned = sandboxes.get(id);
        if (owned && checkpointId === null) owned.mayHaveEnded = true;
      }
    },
  };
}

export type Ledger = ReturnType<typeof createLedger>;

/** Lets a process hold the mark in memory alone and answer with it; to be asked by one at a time. */
export const leaveMark = (
  mark: string,
): string => `cd /workspace && echo ${mark} > mark && mkfifo ask answer &&
  { setsid nohup sh -c 'M=${mark}; while :; do read -r _ <ask; echo "memory $M" >answer; done' </dev/null >/dev/null 2>&1 & }`;

export const lookAtFile = 'cat /workspace/mark';
export const lookAtBoth = `${lookAtFile}; cd /workspace; echo go >ask; timeout 10 cat answer`;
