import { ApiError, defaultImage } from '@atoll/protocol';
import { newSandboxId } from '../lib/id.ts';
import { createKeyedQueue } from '../image/keyed-queue.ts';
import { withoutUndefined } from '../lib/without-undefined.ts';
import { waitAtMost } from '../lib/deadline.ts';
import type { NamedManifest } from '../image/image-store.ts';
import { createSemaphore } from '../lib/semaphore.ts';
import type { EgressReport } from '../network/egress-report.ts';
import type { ResourceLimits } from '../runtime/driver.ts';
import type { PoolStore } from '../store/pool-store.ts';
import type { ListPage, NetworkRules, PoolMembership, SandboxRecord } from '../store/sandbox-store.ts';
import type { SnapshotKind, SnapshotRecord } from '../snapshot/snapshot-records.ts';
import { createActivity } from './activity.ts';
import { checkHost, checkLimits, checkQuota } from './admission.ts';
import type { AdmissionSettings } from './admission.ts';
import type { SandboxContext } from './context.ts';
import { explainFailure } from './create.ts';
import { createCheckpointCalls } from './checkpoint-calls.ts';
import { createDescent } from './descent.ts';
import { createEnroll } from './enroll.ts';
import type { Start } from './enroll.ts';
import { changeOf } from './update.ts';
import type { SandboxUpdate } from './update.ts';
import { lostEnding } from './ending.ts';
import { checkPorts } from './exposure.ts';
import { createFlights } from './flight.ts';
import { isEnded } from './lifecycle.ts';
import { checkName } from './name.ts';
import {
  admitRules,
  changeRules,
  namesDestinations,
  noRules,
  parseOpening,
  reapplyRules,
} from './network-rules.ts';
import { isWarm } from './pool.ts';
import type { Create, Launch, PoolTemplate } from './pool.ts';
import { createPools } from './pools.ts';
import { createReaper } from './reaper.ts';
import { provideImage, unbuiltDigest } from './provide-image.ts';
import { reconcile } from './reconcile.ts';
import { createRecovery } from './recovery.ts';
import { createRetention } from './retention.ts';
import { startSandbox } from './start.ts';
import { rollbackSandbox } from './rollback.ts';
import { takeSnapshot } from './take-snapshot.ts';
import { resolveOrigin } from './origin.ts';
import { resumeSandbox } from './suspend.ts';
import { terminateSandbox } from './terminate.ts';
import { wake } from './wake.ts';
import type { Awake } from './wake.ts';

/** What a create asks for, in the domain's words. Absent means the usual. */
export interface SandboxRequest {
  image?: string;
  /** Start from what a sandbox was when this snapshot was taken. */
  snapshotId?: string;
  name?: string;
  limits: Partial<ResourceLimits>;
  timeoutSecs?: number;
  entrypoint?: string[];
  secretNames?: string[];
  /** Absent: no rules. */
  network?: NetworkRules;
  /** The pool that it is made for. */
  pool?: PoolMembership;
  exposedPorts?: readonly number[];
  allowUnauthenticated?: boolean;
}

/** How far a create came within its caller's patience; `pending` is not waited for, because its image is built first. */
export interface Created {
  kind: 'running' | 'timeout' | 'pending';
  record: SandboxRecord;
}

export type { SandboxUpdate };

/** Where requests for a sandbox go. */
export interface Reach extends Awake {
  /** Lets the idle clock go on. */
  release: () => void;
}

export interface SandboxesOptions extends Omit<
  SandboxContext,
  'flights' | 'live' | 'activity' | 'onCut' | 'onAgentLost' | 'onGone' | 'networkTurns'
> {
  pools: PoolStore<PoolTemplate>;
  dataDir: string;
  admission: AdmissionSettings;
  /** How many sandboxes start at once; more wait. */
  maxStarts: number;
  /** How many creates may wait; more are refused. */
  maxWaiting: number;
  /** How long ended sandboxes stay in `list`. */
  listEndedForMs: number;
  /** How often unfinished operations are looked for. */
  recoverEveryMs?: number;
  /** How long a sandbox whose timeout has passed sleeps in memory before it goes to the disk. */
  hibernateAfterMs?: number;
  /** How long a warm sandbox with an entrypoint runs before it stands still. */
  poolSettleMs?: number;
  /** How often warm sandboxes are looked at. */
  poolReviewEveryMs?: number;
}

/** A start takes a second or two when the host is not short of anything. */
const CLOSE_GRACE_MS = 10_000;
const HIBERNATE_AFTER_MS = 60_000;
const ABORT_GRACE_MS = 5_000;

export type Sandboxes = ReturnType<typeof createSandboxes>;

/** The sandboxes of this server: every dialect and the gateway go through here. */
export function createSandboxes(options: SandboxesOptions) {
  const { store, clock, log } = options;
  const cutListeners: ((record: SandboxRecord) => void)[] = [];
  const exposureListeners: ((record: SandboxRecord) => void)[] = [];
  const activity = createActivity(clock.now);
  const context: SandboxContext = {
    ...options,
    flights: createFlights(),
    live: new Map(),
    networkTurns: createKeyedQueue(),
    activity,
    // Nobody can have reached what nobody has claimed.
    onCut: (record) => {
      if (byId(record.workspaceId, record.id)) cutListeners.forEach((listen) => listen(record));
    },
    onGone: (record) => pools.gone(record),
    onAgentLost: (record) => {
      const ended = lostEnding(context, record).then((ending) => terminateSandbox(context, record, ending));
      ended.catch((err: unknown) =>
        log.error({ sandboxId: record.id, err }, 'cannot free a sandbox whose agent was lost'),
      );
    },
  };
  const starts = createSemaphore(
    options.maxStarts,
    options.maxWaiting,
    () => new ApiError('too_busy', 'too many sandboxes wait for their start'),
  );
  const reaper = createReaper(context);
  const recovery = createRecovery(context, options.recoverEveryMs);
  const retention = createRetention(context);
  const descent = createDescent(context, {
    hibernateAfterMs: options.hibernateAfterMs ?? HIBERNATE_AFTER_MS,
    scarceMemoryMb: 2 * options.admission.reservedMemoryMb,
  });
  /** Ends the wait of creates for their turn. */
  const closing = new AbortController();
  const enroll = createEnroll(context, starts, closing.signal);
  const unwatchAll = (): void => context.live.forEach(({ unwatch }) => unwatch());

  const endedSince = (): number => clock.now() - options.listEndedForMs;

  const notFound = (identifier: string): ApiError =>
    new ApiError('sandbox_not_found', `no sandbox ${JSON.stringify(identifier.slice(0, 80))}`);

  /** A sandbox that nobody has claimed yet is nobody's to see. */
  const byId = (workspaceId: string, id: string): SandboxRecord | undefined => {
    const record = store.byId(workspaceId, id);
    return record && isWarm(record) ? undefined : record;
  };

  /** Living ones by name or id; ended ones by id, because their name is free. */
  const find = (workspaceId: string, identifier: string): SandboxRecord => {
    const record = store.byName(workspaceId, identifier) ?? byId(workspaceId, identifier);
    if (!record) throw notFound(identifier);
    return record;
  };

  const admit = (workspaceId: string, asked: SandboxRequest) => {
    if (asked.name !== undefined) checkName(asked.name);
    const { image, unbuilt, request, snapshotId } = resolveOrigin(options, workspaceId, asked);
    const limits = checkLimits(request.limits, options.admission);
    const secretNames = [...new Set(request.secretNames)];
    options.secrets.requireAll(workspaceId, secretNames);
    checkQuota(store.countLiving(workspaceId), options.admission);
    checkHost(options.dataDir, options.admission);
    const record: SandboxRecord = {
      id: newSandboxId(),
      workspaceId,
      state: 'pending',
      operation: 'create',
      incarnation: 1,
      runtime: options.driver.name,
      image: image?.canonicalName ?? unbuilt ?? defaultImage,
      manifestDigest: image?.manifestDigest ?? unbuiltDigest,
      agentDigest: options.agents.current.digest,
      limits,
      network: request.network ?? noRules,
      networkGeneration: 0,
      exposedPorts: checkPorts(request.exposedPorts ?? []),
      allowUnauthenticated: request.allowUnauthenticated ?? false,
      createdAt: clock.now(),
      ...(request.name !== undefined && { name: request.name }),
      ...(request.timeoutSecs !== undefined && { timeoutSecs: request.timeoutSecs }),
      ...(request.entrypoint !== undefined && { entrypoint: request.entrypoint }),
      ...(secretNames.length > 0 && { secretNames }),
      ...(snapshotId !== undefined && { originSnapshotId: snapshotId }),
      ...(request.pool !== undefined && { pool: request.pool }),
    };
    return { record, image };
  };

  const requireFreeName = (workspaceId: string, name: string): void => {
    if (store.byName(workspaceId, name))
      throw new ApiError('name_taken', `a sandbox is called ${name} already`);
  };

  const { admission, dataDir } = options;
  const checkpointCalls = createCheckpointCalls({ context, admission, dataDir, enroll, requireFreeName });

  const launch: Launch = (workspaceId, request) => {
    closing.signal.throwIfAborted();
    const { record, image } = admit(workspaceId, request);
    if (record.name !== undefined) requireFreeName(workspaceId, record.name);
    const startFrom =
      (ready: { record: SandboxRecord; image: NamedManifest }): Start =>
      (signal) =>
        startSandbox(context, ready.record, ready.image, signal);
    const start = enroll(record, {
      provide: (patience) =>
        image
          ? startFrom({ record, image })
          : provideImage(context, record, patience).then((ready) => startFrom(ready)),
    });
    const announce = (started: SandboxRecord): void => exposureListeners.forEach((listen) => listen(started));
    if (record.exposedPorts.length > 0) void start.then(announce, () => {});
    return { record, start, isUnbuilt: image === undefined };
  };

  /** The record is there before the first wait; what is asked for has been admitted. */
  const startWithin: Create = async (workspaceId, request, timeoutMs) => {
    const { record, start, isUnbuilt } = launch(workspaceId, request);
    if (isUnbuilt) {
      start.catch(() => {}); // the record says how it ended
      return { kind: 'pending', record };
    }
    const result = await waitAtMost(start, timeoutMs).catch((error: unknown) =>
      explainFailure(context, record, error),
    );
    return result.timedOut ? { kind: 'timeout', record } : { kind: 'running', record: result.value };
  };

  const { poolSettleMs: settleMs, poolReviewEveryMs: reviewEveryMs } = options;
  const times = withoutUndefined({ settleMs, reviewEveryMs });
  const pools = createPools({
    context,
    pools: options.pools,
    admission,
    launch,
    create: startWithin,
    ...times,
  });

  /** What an update changes; throws where it may not. */
  const admitUpdate = (workspaceId: string, identifier: string, update: SandboxUpdate) => {
    const record = find(workspaceId, identifier);
    const change = changeOf(record, update);
    if (change.name !== undefined) requireFreeName(workspaceId, change.name);
    if (Object.keys(change).length > 0 && record.terminatedAt !== undefined)
      throw new ApiError('invalid_state', `sandbox ${record.id} has ended`);
    return { record, change };
  };

  return {
    /** Makes a sandbox and waits at most `timeoutMs` for it to run; the start goes on beyond that. */
    create: async (workspaceId: string, request: SandboxRequest, timeoutMs: number): Promise<Created> => {
      const { network = noRules } = request;
      if (namesDestinations(network)) await admitRules(context, workspaceId, network);
      return startWithin(workspaceId, request, timeoutMs);
    },
    /** Sandboxes that are made ahead of time, to be claimed. */
    pools,
    get: find,
    /** Also by a name that is free again: its last holder is meant, so that a terminate can be repeated. */
    getToTerminate: (workspaceId: string, identifier: string): SandboxRecord => {
      const living = store.byName(workspaceId, identifier) ?? byId(workspaceId, identifier);
      const record = living ?? store.lastEndedByName(workspaceId, identifier, endedSince());
      if (!record) throw notFound(identifier);
      return record;
    },
    list: (workspaceId: string, page?: ListPage) => store.list(workspaceId, endedSince(), page),
    listEnded: store.listEnded,
    getEnded: (workspaceId: string, id: string): SandboxRecord => {
      const record = byId(workspaceId, id);
      if (record?.terminatedAt === undefined)
        throw new ApiError('sandbox_not_found', `no ended sandbox ${JSON.stringify(id.slice(0, 80))}`);
      return record;
    },
    /** Throws where `update` would. */
    requireUpdatable: (workspaceId: string, identifier: string, update: SandboxUpdate): void =>
      void admitUpdate(workspaceId, identifier, update),
    /** Changes name and exposed ports, all of it or nothing. */
    update: (workspaceId: string, identifier: string, update: SandboxUpdate): SandboxRecord => {
      const { record, change } = admitUpdate(workspaceId, identifier, update);
      if (Object.keys(change).length === 0) return record;
      store.change(record, record.operation, change);
      const changed = find(workspaceId, record.id);
      if (change.exposedPorts !== undefined || change.allowUnauthenticated !== undefined)
        exposureListeners.forEach((listen) => listen(changed));
      return changed;
    },
    /** The sandbox of whichever workspace that lets anybody reach one of its ports. */
    findPublic: (id: string, port: number): SandboxRecord | undefined => {
      const record = store.byIdAnywhere(id);
      return record?.allowUnauthenticated && record.exposedPorts.includes(port) ? record : undefined;
    },
    /** Living sandboxes that have exposed ports. */
    exposing: () => store.exposing(),
    /** Told when exposed ports change, or who may reach them. */
    onExposure: (listen: (record: SandboxRecord) => void): void => void exposureListeners.push(listen),
    /** Replaces the rules for destinations; connections that the new ones deny end. */
    setNetwork: (record: SandboxRecord, network: NetworkRules): Promise<void> =>
      changeRules(context, record, network),
    /** What went through the network of a sandbox that has one, and what was refused of late. */
    networkReport: async ({ id, slotId, state }: SandboxRecord): Promise<EgressReport> => {
      if (slotId === undefined || isEnded(state))
        throw new ApiError('invalid_state', `sandbox ${id} has no network now: it is ${state}`);
      return context.network.report(slotId);
    },
    openings: {
      of: (workspaceId: string): string[] => options.openings.of(workspaceId),
      /** Replaces the ranges that sandboxes of a workspace may reach although they are closed to others. */
      put: async (workspaceId: string, ranges: readonly string[]): Promise<void> => {
        options.openings.put(workspaceId, ranges.map(parseOpening));
        await reapplyRules(context, workspaceId);
      },
    },
    terminate: (record: SandboxRecord): Promise<void> =>
      terminateSandbox(context, record, { reason: 'terminated_by_user' }),
    /** Begins a snapshot; it may be ready when this resolves. */
    snapshot: (record: SandboxRecord, kind: SnapshotKind): Promise<SnapshotRecord> =>
      takeSnapshot(context, record, kind),
    /** Starts a sandbox again from a snapshot, under the same id and name. */
    rollback: (record: SandboxRecord, snapshotId: string): Promise<SandboxRecord> =>
      rollbackSandbox(context, record, snapshotId, (workspaceId, signal, start) =>
        starts.run(AbortSignal.any([signal, closing.signal]), () => options.pool.rush(start), workspaceId),
      ),
    ...checkpointCalls,
    resume: (record: SandboxRecord): Promise<void> => resumeSandbox(context, record),
    /**
     * The agent of a sandbox, for one request: a suspended one is woken first, once for all who ask. The idle clock
     * stands still until `release`. Throws `sandbox_not_found`, `sandbox_ended` or `sandbox_not_running`.
     */
    attach: async (workspaceId: string, identifier: string): Promise<Reach> => {
      const { id, state } = find(workspaceId, identifier);
      if (isEnded(state)) throw new ApiError('sandbox_ended', `sandbox ${id} has ended`);
      const release = activity.hold(id);
      try {
        return { ...(await wake(context, find(workspaceId, id))), release };
      } catch (error) {
        release();
        throw error;
      }
    },
    countLive: store.countLive,
    countReady: () => context.pool.readyCount(),
    /** Told when a sandbox ends or stands still, before its address can be given to another. */
    onCut: (listen: (record: SandboxRecord) => void): void => void cutListeners.push(listen),
    /** Settles what an earlier process left, then begins to keep slots ready. */
    open: async () => {
      const reconciled = await reconcile(context);
      context.pool.refill();
      reaper.start();
      recovery.start();
      retention.start();
      descent.start();
      pools.open();
      return reconciled;
    },
    /**
     * Lets operations end and frees what is ready; creates that wait for their turn fail with `shutting_down`.
     * Running sandboxes go on, for the next process to adopt. What has not ended after `graceMs` is aborted, and
     * what even so does not end is left for the next process to settle.
     */
    close: async (graceMs = CLOSE_GRACE_MS): Promise<void> => {
      const reason = new ApiError('shutting_down', 'the server is stopping');
      closing.abort(reason);
      pools.close();
      reaper.stop();
      recovery.stop();
      retention.stop();
      descent.stop();
      unwatchAll();
      const { timedOut } = await waitAtMost(context.flights.idle(), graceMs);
      if (timedOut) context.flights.abortAll(reason);
      await waitAtMost(context.flights.idle(), ABORT_GRACE_MS);
      unwatchAll();
      await waitAtMost(context.pool.close(), ABORT_GRACE_MS);
    },
  };
}
