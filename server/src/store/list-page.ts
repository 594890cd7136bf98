import type { SandboxState } from './sandbox-store.ts';

export interface Page {
  limit: number;
  /** Continue behind this sandbox. */
  after?: { at: number; id: string };
  direction: 'forward' | 'backward';
}

/** Operations that are seen from outside: a sandbox in one is in no other state meanwhile. */
export type ShownOperation = 'suspending' | 'snapshotting';

/** Which sandboxes are asked for: those in one of these states, and in this operation or in none that is shown. */
export interface ListFilter {
  states: readonly SandboxState[];
  during?: ShownOperation;
}

export type ListPage = Partial<Pick<Page, 'limit' | 'after'>> & { filter?: ListFilter };
