import type { ResourceLimits, SlotEndpoint } from '../runtime/driver.ts';
import type { Db } from './db.ts';
import type { ListPage, Page } from './list-page.ts';
import { listSandboxes } from './list-sandboxes.ts';
import { applyChange } from './sandbox-change.ts';
import type { SandboxState } from './sandbox-state.ts';
import { insertSandbox, toRecord } from './sandbox-row.ts';
import type { SandboxRow } from './sandbox-row.ts';
import type { VolumeMount } from './volume-mount.ts';

export type { ListFilter, ListPage, Page, ShownOperation } from './list-page.ts';

export { states } from './sandbox-state.ts';
export type { SandboxState } from './sandbox-state.ts';
export type SandboxOperation =
  | 'create'
  | 'suspend'
  | 'hibernate'
  | 'checkpoint'
  | 'resume'
  | 'snapshot'
  | 'rollback'
  | 'attach'
  | 'detach'
  | 'terminate';

/** Which destinations a sandbox may reach, as they were given (tensorlake wire 1.4.3). */
export interface NetworkRules {
  internet: boolean;
  allowOut: string[];
  denyOut: string[];
}

/** Which pool a sandbox was made for. */
export interface PoolMembership {
  id: string;
  /** Of the pool's template that it was made of. */
  generation: number;
  /** Nobody has claimed it: it is shown to nobody and answers nobody. */
  isWarm: boolean;
}

/** What becomes of a sandbox whose runtime dies while it runs. */
export type OnCrash = 'terminate' | 'restore';

/** One part of a creation, and how long it took. */
export interface StartStage {
  name: string;
  ms: number;
}

/** A sandbox as the server knows it. Times are epoch milliseconds. */
export interface SandboxRecord {
  id: string;
  workspaceId: string;
  name?: string;
  state: SandboxState;
  /** What is being done to it; absent while it is settled. */
  operation?: SandboxOperation;
  incarnation: number;
  /** The driver that it runs on. */
  runtime: string;
  slotId?: string;
  endpoint?: SlotEndpoint;
  /** Canonical name of the image, as it was resolved at create. */
  image: string;
  manifestDigest: string;
  agentDigest: string;
  limits: ResourceLimits;
  timeoutSecs?: number;
  /** When it ends, whatever it does then. */
  expiresAt?: number;
  /** After how long without use it ends, asleep or not. */
  idleLimitSecs?: number;
  entrypoint?: string[];
  /** Secrets of the workspace in the environment of its processes. */
  secretNames?: string[];
  /** File systems that outlive it. */
  volumes?: VolumeMount[];
  network: NetworkRules;
  /** Counts the changes of its rules, those of its workspace included. */
  networkGeneration: number;
  pool?: PoolMembership;
  /** Ports that the gateway passes requests to, in rising order. */
  exposedPorts: readonly number[];
  /** Whether they need no key, as long as the sandbox is named by its id. */
  allowUnauthenticated: boolean;
  /** Where the time of its creation went; absent until it runs. */
  startStages?: readonly StartStage[];
  /** Absent: `terminate`. */
  onCrash?: OnCrash;
  /** Where a suspended sandbox is on disk; absent while it is in memory. */
  checkpointId?: string;
  suspendedAt?: number;
  /** Its owner has deactivated it: it stands still, and nothing wakes it. */
  deactivatedAt?: number;
  /** Which sandbox it goes on from, with its memory. */
  originSandboxId?: string;
  /** The snapshot that it was started from or rolled back to last. */
  originSnapshotId?: string;
  createdAt: number;
  terminatedAt?: number;
  outcome?: string;
  terminationReason?: string;
  error?: string;
}

/** The columns that an operation may change. */
export type SandboxChange = Partial<
  Pick<
    SandboxRecord,
    | 'name'
    | 'state'
    | 'manifestDigest'
    | 'endpoint'
    | 'terminatedAt'
    | 'outcome'
    | 'terminationReason'
    | 'suspendedAt'
    | 'onCrash'
    | 'exposedPorts'
    | 'allowUnauthenticated'
    | 'startStages'
  >
> & {
  operation?: SandboxOperation | null;
  slotId?: string | null;
  checkpointId?: string | null;
  error?: string | null;
  deactivatedAt?: number | null;
  expiresAt?: number | null;
  idleLimitSecs?: number | null;
  volumes?: readonly VolumeMount[] | null;
};

export type SandboxStore = ReturnType<typeof createSandboxStore>;

/** Reads and conditional writes of the `sandboxes` table. */
export function createSandboxStore(db: Db) {
  const many = (sql: string, ...params: (string | number)[]) =>
    db.all<SandboxRow>(`SELECT * FROM sandboxes ${sql}`, ...params).map(toRecord);
  const one = (sql: string, ...params: (string | number)[]) => many(`${sql} LIMIT 1`, ...params)[0];
  return {
    insert: (record: SandboxRecord) => insertSandbox(db, record),
    byId: (workspaceId: string, id: string) => one('WHERE workspace_id = ? AND id = ?', workspaceId, id),
    /** Of whichever workspace: for callers that show no key. */
    byIdAnywhere: (id: string) => one('WHERE id = ?', id),
    /** Every living sandbox that has exposed ports. */
    exposing: () => many(`WHERE state NOT IN ('terminated', 'failed') AND exposed_ports != '[]'`),
    /** The living sandbox of that name. */
    byName: (workspaceId: string, name: string) =>
      one(`WHERE workspace_id = ? AND name = ? AND state NOT IN ('terminated', 'failed')`, workspaceId, name),
    /** The sandbox of that name that ended last, within living memory of `list`. */
    lastEndedByName: (workspaceId: string, name: string, endedSince: number) =>
      one(
        'WHERE workspace_id = ? AND name = ? AND terminated_at > ? ORDER BY terminated_at DESC',
        workspaceId,
        name,
        endedSince,
      ),
    /** Living sandboxes, and those that ended after `endedSince`; newest first. */
    list: (workspaceId: string, endedSince: number, page: ListPage = {}) =>
      listSandboxes(db, workspaceId, endedSince, page),
    listEnded: (workspaceId: string, page: Page) => listEnded(many, workspaceId, page),
    /** Everything that reconcile has to look at. A term each, because an index serves one term. */
    unsettled: () =>
      many(
        `WHERE rowid IN (
           SELECT rowid FROM sandboxes WHERE state NOT IN ('terminated', 'failed')
           UNION ALL SELECT rowid FROM sandboxes WHERE operation IS NOT NULL
           UNION ALL SELECT rowid FROM sandboxes WHERE slot_id IS NOT NULL)`,
      ),
    bySlot: (slotId: string) => one('WHERE slot_id = ?', slotId),
    living: (workspaceId: string) =>
      many(`WHERE workspace_id = ? AND state NOT IN ('terminated', 'failed')`, workspaceId),
    /**
     * Whatever is being done to it meanwhile. False where it has ended, or where its rules have changed since the
     * generation before that one.
     */
    setNetwork: (id: string, network: NetworkRules, generation: number): boolean =>
      db.run(
        `UPDATE sandboxes SET internet = ?, allow_out = ?, deny_out = ?, network_generation = ?
         WHERE id = ? AND network_generation = ? AND state NOT IN ('terminated', 'failed')`,
        network.internet ? 1 : 0,
        JSON.stringify(network.allowOut),
        JSON.stringify(network.denyOut),
        generation,
        id,
        generation - 1,
      ) === 1,
    /** What has to end by itself now or some day, and is not being ended. */
    mortal: (now: number) =>
      many(
        `WHERE operation IS NOT 'terminate' AND id IN (
           SELECT id FROM sandboxes WHERE expires_at <= ? AND state NOT IN ('terminated', 'failed')
           UNION ALL SELECT id FROM sandboxes
             WHERE idle_limit_secs IS NOT NULL AND state NOT IN ('terminated', 'failed'))`,
        now,
      ),
    runningWithTimeout: () => many(`WHERE state = 'running' AND timeout_secs > 0 AND warm = 0`),
    /** What there is of a pool, oldest first; what is being ended counts no longer. */
    inPool: (poolId: string) =>
      many(
        `WHERE pool_id = ? AND state NOT IN ('terminated', 'failed') AND operation IS NOT 'terminate'
         ORDER BY created_at, id`,
        poolId,
      ),
    /** Whether anything of a pool is left, also of what is being ended. */
    isPoolEmpty: (poolId: string): boolean =>
      db.get(
        `SELECT 1 FROM sandboxes WHERE pool_id = ? AND state NOT IN ('terminated', 'failed') LIMIT 1`,
        poolId,
      ) === undefined,
    /** Makes a warm sandbox somebody's, as of now. Succeeds for one caller only, and not for one that is being ended. */
    claimWarm: ({ id }: Pick<SandboxRecord, 'id'>, at: number): boolean =>
      db.run(
        `UPDATE sandboxes SET warm = 0, created_at = ? WHERE id = ? AND warm = 1
         AND state NOT IN ('terminated', 'failed') AND operation IS NOT 'terminate'`,
        at,
        id,
      ) === 1,
    /** Warm sandboxes that ended were never anybody's: nothing of them is kept. */
    forgetEndedWarm: (): number =>
      db.run(
        'DELETE FROM sandboxes WHERE warm = 1 AND terminated_at IS NOT NULL AND operation IS NULL AND slot_id IS NULL',
      ),
    /** Takes away what ended before that and has left nothing on the host; answers how many. */
    forgetEnded: (before: number, limit: number): number =>
      db.run(
        `DELETE FROM sandboxes WHERE id IN (
           SELECT id FROM sandboxes WHERE terminated_at < ? AND operation IS NULL AND slot_id IS NULL
           ORDER BY terminated_at LIMIT ?)`,
        before,
        limit,
      ),
    countLive: () =>
      db.all<{ state: string; count: number }>(
        `SELECT state, count(*) AS count FROM sandboxes WHERE state NOT IN ('terminated', 'failed') GROUP BY state`,
      ),
    /**
     * Begins an operation: succeeds for one caller only, and only from the given states. `preempts` lets it
     * take over from an operation in flight.
     */
    beginOperation: (
      record: Pick<SandboxRecord, 'id' | 'incarnation'>,
      operation: SandboxOperation,
      from: readonly SandboxState[],
      preempts: boolean,
    ): boolean =>
      db.run(
        `UPDATE sandboxes SET operation = ?1 WHERE id = ?2 AND incarnation = ?3
         AND ${preempts ? 'operation IS NOT ?1' : 'operation IS NULL'}
         AND state IN (SELECT value FROM json_each(?4))`,
        operation,
        record.id,
        record.incarnation,
        JSON.stringify(from),
      ) === 1,
    /**
     * Puts a new incarnation in the place of one, unless that or the operation has changed meanwhile. Late writes that
     * were decided for the old one change nothing from then on.
     */
    succeed: (
      record: Pick<SandboxRecord, 'id' | 'incarnation'>,
      during: SandboxOperation,
      successor: SandboxRecord,
    ): boolean =>
      db.run(
        `UPDATE sandboxes SET incarnation = ?, state = ?, operation = NULL, slot_id = ?, endpoint = ?, image = ?,
           manifest_digest = ?, agent_digest = ?, origin_snapshot_id = ?, checkpoint_id = NULL
         WHERE id = ? AND incarnation = ? AND operation = ?`,
        successor.incarnation,
        successor.state,
        successor.slotId ?? null,
        successor.endpoint ? JSON.stringify(successor.endpoint) : null,
        successor.image,
        successor.manifestDigest,
        successor.agentDigest,
        successor.originSnapshotId ?? null,
        record.id,
        record.incarnation,
        during,
      ) === 1,
    /**
     * Begins a new incarnation within an operation: what was decided for the one before changes nothing any more. Answers
     * the record as it is then, or nothing when it is another's by now.
     */
    nextIncarnation: (record: SandboxRecord, during: SandboxOperation): SandboxRecord | undefined => {
      const { id, incarnation, workspaceId } = record;
      const changed = db.run(
        'UPDATE sandboxes SET incarnation = incarnation + 1 WHERE id = ? AND incarnation = ? AND operation = ?',
        id,
        incarnation,
        during,
      );
      return changed === 1 ? one('WHERE workspace_id = ? AND id = ?', workspaceId, id) : undefined;
    },
    /** Suspended sandboxes that are in memory only, but for those that wait to be claimed. */
    frozen: () =>
      many(
        `WHERE state = 'suspended' AND checkpoint_id IS NULL AND operation IS NULL AND slot_id IS NOT NULL AND warm = 0`,
      ),
    /** Writes what an operation found, unless the incarnation or the operation has changed meanwhile. */
    change: (
      record: Pick<SandboxRecord, 'id' | 'incarnation'>,
      during: SandboxOperation | undefined,
      change: SandboxChange,
    ): boolean => applyChange(db, record, during, change),
  };
}

function listEnded(
  many: (sql: string, ...params: (string | number)[]) => SandboxRecord[],
  workspaceId: string,
  page: Page,
) {
  const forward = page.direction === 'forward';
  const after = page.after ?? { at: forward ? Number.MAX_SAFE_INTEGER : 0, id: '' };
  const order = forward ? 'DESC' : 'ASC';
  const records = many(
    `WHERE workspace_id = ? AND warm = 0 AND terminated_at IS NOT NULL AND (terminated_at, id) ${forward ? '<' : '>'} (?, ?)
     ORDER BY terminated_at ${order}, id ${order} LIMIT ?`,
    workspaceId,
    after.at,
    after.id,
    page.limit,
  );
  return forward ? records : records.toReversed();
}
