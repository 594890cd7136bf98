import type { SandboxOperation, SandboxState } from '../store/sandbox-store.ts';

interface Transition {
  from: readonly SandboxState[];
  /** Where the sandbox is once the operation has succeeded; absent: where it was, also after an error. */
  to?: SandboxState;
  /** Where an error leaves it. Absent: where it was, but for a terminate, which reconcile carries to its end. */
  onError?: SandboxState;
  /** Takes over from whatever operation is in flight. */
  preempts: boolean;
}

/** Every operation on a sandbox. A new one is a new line here, and nowhere else. */
export const operations = {
  create: { from: ['pending'], to: 'running', onError: 'failed', preempts: false },
  suspend: { from: ['running'], to: 'suspended', onError: 'running', preempts: false },
  /** From memory to disk, of a sandbox that sleeps. */
  hibernate: { from: ['suspended'], to: 'suspended', onError: 'suspended', preempts: false },
  /** Written to disk while it goes on. */
  checkpoint: { from: ['running'], to: 'running', onError: 'running', preempts: false },
  resume: { from: ['suspended'], to: 'running', onError: 'suspended', preempts: false },
  snapshot: { from: ['running', 'suspended'], preempts: false },
  rollback: { from: ['running', 'suspended'], to: 'running', preempts: false },
  /** A volume that comes, or goes, while it runs. */
  attach: { from: ['running'], to: 'running', onError: 'running', preempts: false },
  detach: { from: ['running'], to: 'running', onError: 'running', preempts: false },
  terminate: { from: ['pending', 'running', 'suspended', 'failed'], to: 'terminated', preempts: true },
} as const satisfies Record<SandboxOperation, Transition>;

/** States that nothing leads out of. */
export const isEnded = (state: SandboxState): boolean => state === 'terminated' || state === 'failed';
