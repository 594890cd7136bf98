import { ApiError } from '@atoll/protocol';
import type { Clock } from '../lib/clock.ts';
import type { ListPage, SandboxRecord, SandboxStore } from '../store/sandbox-store.ts';
import { isWarm } from './pool.ts';

export interface DirectoryOptions {
  store: SandboxStore;
  clock: Clock;
  /** How long ended sandboxes stay in `list`. */
  listEndedForMs: number;
}

export type Directory = ReturnType<typeof createDirectory>;

/** Which sandboxes a workspace sees, and under which names. One that waits in a pool is nobody's to see. */
export function createDirectory({ store, clock, listEndedForMs }: DirectoryOptions) {
  const endedSince = (): number => clock.now() - listEndedForMs;

  const byId = (workspaceId: string, id: string): SandboxRecord | undefined => {
    const record = store.byId(workspaceId, id);
    return record && isWarm(record) ? undefined : record;
  };

  /** Living ones by name or id; ended ones by id, because their name is free. */
  const find = (workspaceId: string, identifier: string): SandboxRecord => {
    const record = store.byName(workspaceId, identifier) ?? byId(workspaceId, identifier);
    if (!record) throw notFound('sandbox', identifier);
    return record;
  };

  return {
    isVisible: ({ workspaceId, id }: SandboxRecord): boolean => byId(workspaceId, id) !== undefined,
    find,
    /** Also by a name that is free again: its last holder is meant, so that a terminate can be repeated. */
    findToTerminate: (workspaceId: string, identifier: string): SandboxRecord => {
      const living = store.byName(workspaceId, identifier) ?? byId(workspaceId, identifier);
      const record = living ?? store.lastEndedByName(workspaceId, identifier, endedSince());
      if (!record) throw notFound('sandbox', identifier);
      return record;
    },
    findEnded: (workspaceId: string, id: string): SandboxRecord => {
      const record = byId(workspaceId, id);
      if (record?.terminatedAt === undefined) throw notFound('ended sandbox', id);
      return record;
    },
    list: (workspaceId: string, page?: ListPage) => store.list(workspaceId, endedSince(), page),
    requireFreeName: (workspaceId: string, name: string): void => {
      if (store.byName(workspaceId, name))
        throw new ApiError('name_taken', `a sandbox is called ${name} already`);
    },
  };
}

const notFound = (kind: string, identifier: string): ApiError =>
  new ApiError('sandbox_not_found', `no ${kind} ${JSON.stringify(identifier.slice(0, 80))}`);
