import { ApiError } from '@atoll/protocol';
import type { SnapshotRecord } from '../snapshot/snapshot-records.ts';
import type { Snapshots } from '../snapshot/snapshots.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { Declared, DeclaredRequest, DeclaredSandboxes } from './declared-sandboxes.ts';
import type { Sandboxes } from './sandboxes.ts';

/** A snapshot with the name that it was given among those of its sandbox; else it has its id for a name. */
export interface NamedSnapshot {
  record: SnapshotRecord;
  name: string;
}

export interface DeclaredSnapshotsOptions {
  snapshots: Pick<Snapshots, 'find' | 'list' | 'remove'>;
  sandboxes: Pick<Sandboxes, 'snapshot' | 'rollback'>;
  declared: Pick<DeclaredSandboxes, 'create' | 'find' | 'nameSnapshot'>;
}

export type DeclaredSnapshots = ReturnType<typeof createDeclaredSnapshots>;

/** Clients of resources wait for them. */
const TAKE_TIMEOUT_MS = 55_000;

/**
 * Snapshots of declared sandboxes, with memory where the runtime and the volumes of the sandbox allow that, and sandboxes
 * that begin with one. The names belong to the sandbox, and are forgotten with it; a snapshot itself stays.
 */
export function createDeclaredSnapshots({ snapshots, sandboxes, declared }: DeclaredSnapshotsOptions) {
  const namesOf = ({ workspaceId, sandboxId }: SnapshotRecord): Record<string, string> =>
    declared.find(workspaceId, sandboxId)?.declaration?.snapshotNames ?? {};

  const named = (record: SnapshotRecord): NamedSnapshot => {
    const found = Object.entries(namesOf(record)).find(([, id]) => id === record.id);
    return { record, name: found?.[0] ?? record.id };
  };

  const ofSandbox = ({ workspaceId, id, name }: SandboxRecord): NamedSnapshot[] =>
    snapshots
      .list(workspaceId)
      .filter((one) => one.sandboxId === id || (name !== undefined && one.sandboxName === name))
      .map(named);

  const find = (sandbox: SandboxRecord, nameOrId: string): NamedSnapshot => {
    const known = ofSandbox(sandbox);
    // What the sandbox goes by now was named by its present declaration.
    const id =
      declared.find(sandbox.workspaceId, sandbox.id)?.declaration?.snapshotNames?.[nameOrId] ?? nameOrId;
    const found = known.find(({ record }) => record.id === id);
    if (found) return found;
    throw new ApiError(
      'snapshot_not_found',
      `sandbox ${sandbox.name ?? sandbox.id} has no snapshot ${nameOrId.slice(0, 80)}`,
    );
  };

  const takeKind = async (sandbox: SandboxRecord): Promise<SnapshotRecord> => {
    if (sandbox.volumes !== undefined) return sandboxes.snapshot(sandbox, 'filesystem', TAKE_TIMEOUT_MS);
    try {
      return await sandboxes.snapshot(sandbox, 'memory', TAKE_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'unsupported')) throw error;
      return sandboxes.snapshot(sandbox, 'filesystem', TAKE_TIMEOUT_MS);
    }
  };

  const take = async (sandbox: SandboxRecord, name: string | undefined): Promise<NamedSnapshot> => {
    const isTaken = name !== undefined && ofSandbox(sandbox).some((one) => one.name === name);
    if (isTaken)
      throw new ApiError('conflict', `sandbox ${sandbox.name ?? sandbox.id} has a snapshot ${name} already`);
    const { id } = await takeKind(sandbox);
    const record = snapshots.find(sandbox.workspaceId, id);
    if (record.status === 'failed')
      throw new ApiError('checkpoint_failed', `the snapshot was not taken: ${record.error ?? 'it failed'}`);
    if (name !== undefined) declared.nameSnapshot(sandbox, name, id);
    return { record, name: name ?? id };
  };

  const start = (workspaceId: string, snapshotId: string, asked: DeclaredRequest, timeoutMs: number) => {
    // The size is that of the snapshot: its memory has no other.
    const { image: _, ...request } = asked.request;
    return declared.create(
      workspaceId,
      { ...asked, request: { ...request, snapshotId, limits: {} } },
      timeoutMs,
    );
  };

  return {
    take,
    ofSandbox,
    find,
    get: (workspaceId: string, id: string): NamedSnapshot => named(snapshots.find(workspaceId, id)),
    list: (workspaceId: string): NamedSnapshot[] => snapshots.list(workspaceId).map(named),
    remove: ({ record }: NamedSnapshot): void => snapshots.remove(record.workspaceId, record.id),
    restore: (sandbox: SandboxRecord, { record }: NamedSnapshot): Promise<SandboxRecord> =>
      sandboxes.rollback(sandbox, { snapshotId: record.id }),
    /** What a snapshot was taken of, as long as that is remembered. */
    sourceOf: ({ record }: NamedSnapshot): Declared | undefined =>
      declared.find(record.workspaceId, record.sandboxId),
    /** A new sandbox that begins with a snapshot. */
    start,
    /** A new sandbox that begins as another one is now; what lies between them is not kept. */
    fork: async (source: SandboxRecord, asked: DeclaredRequest, timeoutMs: number): Promise<Declared> => {
      const { record } = await take(source, undefined);
      try {
        return await start(source.workspaceId, record.id, asked, timeoutMs);
      } finally {
        snapshots.remove(record.workspaceId, record.id);
      }
    },
  };
}
