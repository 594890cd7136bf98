import { ApiError } from '@atoll/protocol';
import { createKeyedQueue } from '../lib/keyed-queue.ts';
import { waitAtMost } from '../lib/deadline.ts';
import { createSemaphore } from '../lib/semaphore.ts';
import { withoutUndefined } from '../lib/without-undefined.ts';
import type { SnapshotKind, SnapshotRecord } from '../snapshot/snapshot-records.ts';
import type { PoolStore } from '../store/pool-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { createActivity } from './activity.ts';
import type { AdmissionSettings } from './admission.ts';
import { createVolumeCalls } from './attach-volume.ts';
import { createCheckpointCalls } from './checkpoint-calls.ts';
import type { SandboxContext } from './context.ts';
import { createCrashes } from './crash.ts';
import { createDescent } from './descent.ts';
import { createDirectory } from './directory.ts';
import { createEnroll } from './enroll.ts';
import { createFlights } from './flight.ts';
import { createHostRoom } from './host-room.ts';
import { createLogCalls } from './log-calls.ts';
import { createLauncher } from './launch.ts';
import { isEnded } from './lifecycle.ts';
import { createMemoryFiles } from './memory-files.ts';
import { createNetworkCalls } from './network-calls.ts';
import { admitRules, namesDestinations, noRules } from './network-rules.ts';
import type { PoolTemplate } from './pool.ts';
import { createPools } from './pools.ts';
import { createReaper, endsOf } from './reaper.ts';
import { reconcile } from './reconcile.ts';
import { createRecovery } from './recovery.ts';
import type { Created, SandboxRequest } from './request.ts';
import { createRetention } from './retention.ts';
import { requireRestorable } from './restorable.ts';
import { rollbackSandbox } from './rollback.ts';
import type { RollbackTarget } from './rollback.ts';
import { resumeSandbox } from './suspend.ts';
import { takeSnapshot } from './take-snapshot.ts';
import { terminateSandbox } from './terminate.ts';
import { createUsage } from './usage.ts';
import { createUpdates } from './update.ts';
import { wake } from './wake.ts';
import type { Awake } from './wake.ts';

/** Where requests for a sandbox go. */
export interface Reach extends Awake {
  /** Lets the idle clock go on. */
  release: () => void;
}

export interface SandboxesOptions extends Omit<
  SandboxContext,
  'flights' | 'inTurn' | 'room' | 'live' | 'activity' | 'onCut' | 'onAgentLost' | 'onGone' | 'networkTurns'
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
/** Ready slots end at the same time, on a host that may be busy; those that stay cost memory until the next start. */
const SLOTS_GRACE_MS = 15_000;

export type Sandboxes = ReturnType<typeof createSandboxes>;

/** The sandboxes of this server: every dialect and the gateway go through here. */
export function createSandboxes(options: SandboxesOptions) {
  const { store, clock } = options;
  const cutListeners: ((record: SandboxRecord) => void)[] = [];
  const activity = createActivity(clock.now);
  const starts = createSemaphore(
    options.maxStarts,
    options.maxWaiting,
    () => new ApiError('too_busy', 'too many sandboxes wait for their start'),
  );
  /** Ends the wait of creates for their turn. */
  const closing = new AbortController();
  const directory = createDirectory(options);
  const context: SandboxContext = {
    ...options,
    flights: createFlights(),
    inTurn: (workspaceId, signal, start) =>
      starts.run(AbortSignal.any([signal, closing.signal]), () => options.pool.rush(start), workspaceId),
    room: createHostRoom(options.dataDir, options.admission),
    // What is written survives the end of this process as it is; whoever goes on from it gains nothing by giving up.
    flush: () => {
      try {
        options.flush();
      } catch (err) {
        options.log.error({ err }, 'what was written would not survive a loss of power');
      }
    },
    live: new Map(),
    networkTurns: createKeyedQueue(),
    activity,
    // Nobody can have reached what nobody has claimed.
    onCut: (record) => {
      if (directory.isVisible(record)) cutListeners.forEach((listen) => listen(record));
    },
    onGone: (record) => {
      options.journals.ended(record.id);
      // A request that came during its end has begun its clock anew.
      activity.forget(record.id);
      for (const part of [pools, recovery, descent, crashes]) part.gone(record);
    },
    onAgentLost: (record, ending) => crashes.lost(record, ending),
  };
  const reaper = createReaper(context, endsOf(context));
  const recovery = createRecovery(context, options.recoverEveryMs);
  const retention = createRetention(context);
  const memoryFiles = createMemoryFiles(context, options.recoverEveryMs);
  const descent = createDescent(context, {
    hibernateAfterMs: options.hibernateAfterMs ?? HIBERNATE_AFTER_MS,
    scarceMemoryMb: 2 * options.admission.reservedMemoryMb,
  });
  const enroll = createEnroll(context, starts, closing.signal);
  const crashes = createCrashes(context);
  const unwatchAll = (): void => context.live.forEach(({ unwatch }) => unwatch());

  const { admission, dataDir } = options;
  const { requirePlace: requirePlaces } = starts;
  const checkpointCalls = createCheckpointCalls({
    context,
    admission,
    dataDir,
    enroll,
    requirePlaces,
    directory,
  });
  const updates = createUpdates(context, directory);
  const { launch, create } = createLauncher({
    context,
    admission,
    dataDir,
    directory,
    enroll,
    closing: closing.signal,
    announce: updates.announce,
  });

  const { poolSettleMs: settleMs, poolReviewEveryMs: reviewEveryMs } = options;
  const times = withoutUndefined({ settleMs, reviewEveryMs });
  const pools = createPools({
    context,
    pools: options.pools,
    admission,
    launch,
    create,
    ...times,
  });

  return {
    /** Makes a sandbox and waits at most `timeoutMs` for it to run; the start goes on beyond that. */
    create: async (workspaceId: string, request: SandboxRequest, timeoutMs: number): Promise<Created> => {
      const { network = noRules } = request;
      if (namesDestinations(network)) await admitRules(context, workspaceId, network);
      if (request.snapshotId !== undefined) await requireRestorable(context, workspaceId, request);
      return create(workspaceId, request, timeoutMs);
    },
    /** Sandboxes that are made ahead of time, to be claimed. */
    pools,
    get: directory.find,
    getToTerminate: directory.findToTerminate,
    getEnded: directory.findEnded,
    list: directory.list,
    listEnded: store.listEnded,
    usage: createUsage(context, directory),
    ...updates.calls,
    ...createNetworkCalls(context),
    ...createVolumeCalls(context, directory),
    ...createLogCalls(context),
    terminate: (record: SandboxRecord): Promise<void> =>
      terminateSandbox(context, record, { reason: 'terminated_by_user' }),
    /** Begins a snapshot, and waits for it as long as the caller will; it may be ready when this resolves. */
    snapshot: async (
      record: SandboxRecord,
      kind: SnapshotKind,
      patienceMs?: number,
    ): Promise<SnapshotRecord> => {
      context.room.requireDisk();
      return takeSnapshot(context, record, kind, memoryFiles, patienceMs);
    },
    /** Starts a sandbox again from a snapshot, under the same id and name. */
    rollback: (record: SandboxRecord, target: RollbackTarget): Promise<SandboxRecord> =>
      rollbackSandbox(context, record, target),
    ...checkpointCalls,
    resume: (record: SandboxRecord): Promise<void> => resumeSandbox(context, record),
    /**
     * The agent of a sandbox, for one request: a suspended one is woken first, once for all who ask. The idle clock
     * stands still until `release`. One that still starts is waited for with `awaitsStart`. Throws `sandbox_not_found`, `sandbox_ended` or `sandbox_not_running`.
     */
    attach: async (workspaceId: string, identifier: string, awaitsStart = false): Promise<Reach> => {
      const { id, state } = directory.find(workspaceId, identifier);
      if (isEnded(state)) throw new ApiError('sandbox_ended', `sandbox ${id} has ended`);
      const release = activity.hold(id);
      try {
        // What a start fails of is said by what it leaves.
        if (awaitsStart && state === 'pending') await context.flights.join(id, 'create')?.catch(() => {});
        return { ...(await wake(context, directory.find(workspaceId, id))), release };
      } catch (error) {
        release();
        throw error;
      }
    },
    countLive: store.countLive,
    countReady: () => context.pool.readyCount(),
    countWaiting: () => starts.waiting,
    /** Told when a sandbox ends or stands still, before its address can be given to another. */
    onCut: (listen: (record: SandboxRecord) => void): void => void cutListeners.push(listen),
    /** Settles what an earlier process left, then begins to keep slots ready. */
    open: async () => {
      const reconciled = await reconcile(context);
      crashes.open();
      context.pool.refill();
      reaper.start();
      recovery.start();
      retention.start();
      descent.start();
      memoryFiles.open();
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
      const filesRead = memoryFiles.close();
      const { timedOut } = await waitAtMost(context.flights.idle(), graceMs);
      if (timedOut) context.flights.abortAll(reason);
      await waitAtMost(context.flights.idle(), ABORT_GRACE_MS);
      await waitAtMost(filesRead, ABORT_GRACE_MS);
      unwatchAll();
      await waitAtMost(context.journals.settled(), ABORT_GRACE_MS);
      await waitAtMost(context.pool.close(), SLOTS_GRACE_MS);
    },
  };
}
