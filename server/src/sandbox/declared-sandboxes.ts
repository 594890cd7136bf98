import { isDeepStrictEqual } from 'node:util';
import { ApiError } from '@atoll/protocol';
import { createKeyedQueue } from '../lib/keyed-queue.ts';
import type { Clock } from '../lib/clock.ts';
import { randomId } from '../lib/id.ts';
import { withoutUndefined } from '../lib/without-undefined.ts';
import type { SandboxEnvironments } from '../secret/sandbox-environments.ts';
import type { Declaration, DeclarationStore } from '../store/declaration-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { isEnded } from './lifecycle.ts';
import { noRules } from './network-rules.ts';
import type { SandboxRequest } from './request.ts';
import type { Sandboxes } from './sandboxes.ts';
import type { SandboxUpdate } from './update.ts';

/** A sandbox with what its client declared of it; absent where it was made without a declaration. */
export interface Declared {
  record: SandboxRecord;
  declaration?: Declaration;
}

/** What a client declares: what the sandbox runs on, and what is kept to be shown. */
export interface DeclaredRequest {
  name: string;
  request: Omit<SandboxRequest, 'name'>;
  declaration: Pick<Declaration, 'displayName' | 'externalId' | 'labels' | 'spec'>;
  /** It stands still, and nothing wakes it. */
  isDeactivated?: boolean;
  /** Who declares it. */
  by: string;
  /** Told within the transaction that writes a new sandbox. */
  onWritten?: () => void;
}

/** What a new declaration comes to, decided by what there is when its turn comes. */
export interface Replacement {
  asked: DeclaredRequest;
  /** Whether the sandbox begins anew, with other files; else only what can change while it lives does. */
  startsAnew: boolean;
}

export interface DeclaredSandboxesOptions {
  sandboxes: Pick<
    Sandboxes,
    'create' | 'getToTerminate' | 'list' | 'setNetwork' | 'suspend' | 'terminate' | 'update'
  >;
  declarations: DeclarationStore;
  environments: Pick<SandboxEnvironments, 'of'>;
  /** Told, within the transaction that writes it, that a sandbox takes the place of another one. */
  onSucceeded: (from: string, to: string) => void;
  clock: Clock;
}

export type DeclaredSandboxes = ReturnType<typeof createDeclaredSandboxes>;

/**
 * Sandboxes that are declared under a name, as resources that a client creates, reads and replaces as a whole. Writes to
 * one name take turns: a replacement may end one sandbox and begin another, and nobody comes in between.
 */
export function createDeclaredSandboxes(options: DeclaredSandboxesOptions) {
  const { sandboxes, declarations, environments, clock } = options;
  const turns = createKeyedQueue();
  const inTurn = <T>(workspaceId: string, name: string, work: () => Promise<T>): Promise<T> =>
    turns(`${workspaceId}/${name}`, work);

  const declared = (record: SandboxRecord): Declared => ({
    record,
    ...withoutUndefined({ declaration: declarations.find(record.id) }),
  });

  /** By name, then by id; also what has ended, as long as its name is free. */
  const get = (workspaceId: string, name: string): Declared =>
    declared(sandboxes.getToTerminate(workspaceId, name));

  const find = (workspaceId: string, name: string): Declared | undefined => {
    try {
      return get(workspaceId, name);
    } catch (error) {
      if (error instanceof ApiError && error.code === 'sandbox_not_found') return undefined;
      throw error;
    }
  };

  const isOver = ({ state, operation, expiresAt = Infinity }: SandboxRecord): boolean =>
    isEnded(state) || operation === 'terminate' || expiresAt <= clock.now();

  const findLiving = (workspaceId: string, name: string): Declared | undefined => {
    const found = find(workspaceId, name);
    return found && !isOver(found.record) ? found : undefined;
  };

  /** What holds the name and is on its way out goes first. */
  const freeName = async (workspaceId: string, name: string): Promise<void> => {
    const holder = find(workspaceId, name)?.record;
    if (holder !== undefined && isOver(holder)) await sandboxes.terminate(holder);
  };

  /**
   * What is asked from now on is refused first, so that nothing wakes it while it falls asleep. One that cannot is as
   * before.
   */
  const setActive = async (record: SandboxRecord, isDeactivated = false): Promise<SandboxRecord> => {
    const { workspaceId, id } = record;
    const deactivatedAt = isDeactivated ? clock.now() : null;
    const changed = sandboxes.update(workspaceId, id, { deactivatedAt });
    if (!isDeactivated || changed.state !== 'running') return changed;
    await sandboxes.suspend(changed).catch((error: unknown) => {
      const { deactivatedAt: before = null } = record;
      if (findLiving(workspaceId, id)) sandboxes.update(workspaceId, id, { deactivatedAt: before });
      throw error;
    });
    return get(workspaceId, id).record;
  };

  const begin = async (
    workspaceId: string,
    asked: DeclaredRequest,
    predecessor: Declared | undefined,
    timeoutMs: number,
  ): Promise<Declared> => {
    await freeName(workspaceId, asked.name);
    const now = clock.now();
    const before = predecessor?.declaration;
    const declaration: Declaration = {
      ...asked.declaration,
      createdAt: before?.createdAt ?? now,
      createdBy: before?.createdBy ?? asked.by,
      updatedAt: now,
      updatedBy: asked.by,
      ...(before?.snapshotNames && { snapshotNames: before.snapshotNames }),
      revisions: [...(before?.revisions ?? []), { id: `rev-${randomId(10)}`, at: now }].slice(-MAX_REVISIONS),
    };
    const { record } = await sandboxes.create(
      workspaceId,
      {
        ...asked.request,
        name: asked.name,
        acceptsAnyName: true,
        inTransaction: (written) => {
          declarations.put(written, declaration);
          if (predecessor) options.onSucceeded(predecessor.record.id, written.id);
          asked.onWritten?.();
        },
      },
      timeoutMs,
    );
    return { record: asked.isDeactivated ? await setActive(record, true) : record, declaration };
  };

  const change = async (
    current: Declared,
    { declaration, request, by, isDeactivated }: DeclaredRequest,
  ): Promise<Declared> => {
    const { record } = current;
    const { expiresAt = null, idleLimitSecs = null, exposedPorts = [] } = request;
    const update: SandboxUpdate = { expiresAt, idleLimitSecs, exposedPorts };
    const { network = noRules } = request;
    if (!isDeepStrictEqual(network, record.network)) await sandboxes.setNetwork(record, network);
    sandboxes.update(record.workspaceId, record.id, update);
    const isArchived = current.declaration?.isArchived;
    const changed = await setActive(record, isDeactivated || isArchived);
    const now = clock.now();
    const kept = current.declaration ?? { createdAt: record.createdAt, createdBy: by, revisions: [] };
    const next: Declaration = {
      ...declaration,
      createdAt: kept.createdAt,
      createdBy: kept.createdBy,
      revisions: kept.revisions,
      updatedAt: now,
      updatedBy: by,
      ...('snapshotNames' in kept && kept.snapshotNames && { snapshotNames: kept.snapshotNames }),
      ...(isArchived && { isArchived }),
    };
    declarations.put(record, next);
    return { record: changed, declaration: next };
  };

  const setArchived = async ({ record, declaration }: Declared, isArchived: boolean): Promise<Declared> => {
    if (declaration === undefined)
      throw new ApiError('unsupported', `sandbox ${record.id} was not declared, so it is not archived`, {
        hint: 'Suspend it: it sleeps until somebody asks for it.',
      });
    const { isArchived: _, ...rest } = declaration;
    const next: Declaration = { ...rest, ...(isArchived && { isArchived }) };
    declarations.put(record, next);
    const isDeactivated = isArchived || next.spec['enabled'] === false;
    const changed = await setActive(record, isDeactivated).catch((error: unknown) => {
      if (declarations.find(record.id)) declarations.put(record, declaration);
      throw error;
    });
    return { record: changed, declaration: next };
  };

  return {
    get,
    find,
    findLiving,
    /** Every sandbox of a workspace, newest first, with what ended of late. */
    list: (workspaceId: string): Declared[] => {
      const all = declarations.ofWorkspace(workspaceId);
      return sandboxes
        .list(workspaceId)
        .map((record) => ({ record, ...withoutUndefined({ declaration: all.get(record.id) }) }));
    },
    /** Variables that the sandbox was given of its own. */
    environmentOf: (record: SandboxRecord): Record<string, string> => environments.of(record.id),
    /** Throws `name_taken` while a sandbox of that name lives. */
    create: async (workspaceId: string, asked: DeclaredRequest, timeoutMs: number): Promise<Declared> => {
      const taken = findLiving(workspaceId, asked.name);
      if (taken) throw new ApiError('name_taken', `a sandbox is called ${asked.name} already`);
      return inTurn(workspaceId, asked.name, () => begin(workspaceId, asked, undefined, timeoutMs));
    },
    /** Many callers at once get one sandbox. */
    createIfMissing: (workspaceId: string, asked: DeclaredRequest, timeoutMs: number): Promise<Declared> =>
      inTurn(
        workspaceId,
        asked.name,
        async () =>
          findLiving(workspaceId, asked.name) ?? (await begin(workspaceId, asked, undefined, timeoutMs)),
      ),
    /** Puts a new declaration in the place of the present one. Throws `sandbox_not_found`. */
    replace: (
      workspaceId: string,
      name: string,
      decide: (current: Declared) => Replacement,
      timeoutMs: number,
    ): Promise<Declared> =>
      inTurn(workspaceId, name, async () => {
        const current = get(workspaceId, name);
        const { asked, startsAnew } = decide(current);
        if (!startsAnew && !isOver(current.record)) return change(current, asked);
        await sandboxes.terminate(current.record);
        return begin(workspaceId, asked, current, timeoutMs);
      }),
    /** Begins a sandbox anew, in the place of what has the name, if there is any. */
    deploy: (workspaceId: string, asked: DeclaredRequest, timeoutMs: number): Promise<Declared> =>
      inTurn(workspaceId, asked.name, async () => {
        const living = findLiving(workspaceId, asked.name);
        if (living) await sandboxes.terminate(living.record);
        return begin(workspaceId, asked, living, timeoutMs);
      }),
    /** Puts a sandbox by, where nothing wakes it, or takes it out again. Idempotent. Throws `sandbox_not_found`. */
    setArchived: (workspaceId: string, name: string, isArchived: boolean): Promise<Declared> =>
      inTurn(workspaceId, name, async () => {
        const living = findLiving(workspaceId, name);
        if (living) return setArchived(living, isArchived);
        throw new ApiError('sandbox_not_found', `no sandbox ${JSON.stringify(name.slice(0, 80))}`);
      }),
    /** Gives a snapshot of a sandbox a name among its own. */
    nameSnapshot: (record: SandboxRecord, name: string, snapshotId: string): void => {
      const declaration = declarations.find(record.id);
      if (declaration === undefined)
        throw new ApiError(
          'unsupported',
          `sandbox ${record.id} was not declared, so its snapshots have no names`,
        );
      const snapshotNames = { ...declaration.snapshotNames, [name]: snapshotId };
      declarations.put(record, { ...declaration, snapshotNames });
    },
    /** Ends a sandbox; its name is free when this resolves. */
    remove: async (workspaceId: string, name: string): Promise<Declared> => {
      const { record } = get(workspaceId, name);
      await sandboxes.terminate(record);
      return get(workspaceId, record.id);
    },
  };
}

/** Older ones tell nothing that anybody asks for. */
const MAX_REVISIONS = 50;
