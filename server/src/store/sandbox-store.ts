import type { ResourceLimits, SlotEndpoint } from '../runtime/driver.ts';
import type { Db } from './db.ts';

export const states = ['pending', 'running', 'suspended', 'terminated', 'failed'] as const;
export type SandboxState = (typeof states)[number];
export type SandboxOperation = 'create' | 'suspend' | 'resume' | 'snapshot' | 'terminate';

/** Which destinations a sandbox may reach, as they were given (tensorlake wire 1.4.3). */
export interface NetworkRules {
  internet: boolean;
  allowOut: string[];
  denyOut: string[];
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
  entrypoint?: string[];
  /** Secrets of the workspace in the environment of its processes. */
  secretNames?: string[];
  network: NetworkRules;
  /** Counts the changes of its rules, those of its workspace included. */
  networkGeneration: number;
  /** Ports that the gateway passes requests to, in rising order. */
  exposedPorts: readonly number[];
  /** Whether they need no key, as long as the sandbox is named by its id. */
  allowUnauthenticated: boolean;
  /** The snapshot that it was started from or rolled back to last. */
  originSnapshotId?: string;
  createdAt: number;
  terminatedAt?: number;
  outcome?: string;
  terminationReason?: string;
  error?: string;
}

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
    | 'error'
    | 'exposedPorts'
    | 'allowUnauthenticated'
  >
> & { operation?: SandboxOperation | null; slotId?: string | null };

interface SandboxRow {
  id: string;
  workspace_id: string;
  name: string | null;
  state: SandboxState;
  operation: SandboxOperation | null;
  incarnation: number;
  runtime: string;
  slot_id: string | null;
  endpoint: string | null;
  image: string;
  manifest_digest: string;
  agent_digest: string;
  cpus: number;
  memory_mb: number;
  disk_mb: number;
  timeout_secs: number | null;
  entrypoint: string | null;
  secret_names: string | null;
  internet: number;
  exposed_ports: string;
  allow_unauthenticated: number;
  allow_out: string;
  deny_out: string;
  network_generation: number;
  origin_snapshot_id: string | null;
  created_at: number;
  terminated_at: number | null;
  outcome: string | null;
  termination_reason: string | null;
  error: string | null;
}

export type SandboxStore = ReturnType<typeof createSandboxStore>;

/** Reads and conditional writes of the `sandboxes` table. */
export function createSandboxStore(db: Db) {
  const many = (sql: string, ...params: (string | number)[]) =>
    db.all<SandboxRow>(`SELECT * FROM sandboxes ${sql}`, ...params).map(toRecord);
  const one = (sql: string, ...params: (string | number)[]) => many(`${sql} LIMIT 1`, ...params)[0];
  return {
    insert: (record: SandboxRecord) => insert(db, record),
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
      list(db, workspaceId, endedSince, page),
    listEnded: (workspaceId: string, page: Page) => listEnded(many, workspaceId, page),
    /** Everything that reconcile has to look at. A term each, because an index serves one term. */
    unsettled: () =>
      many(
        `WHERE id IN (
           SELECT id FROM sandboxes WHERE state NOT IN ('terminated', 'failed')
           UNION ALL SELECT id FROM sandboxes WHERE operation IS NOT NULL
           UNION ALL SELECT id FROM sandboxes WHERE slot_id IS NOT NULL)`,
      ),
    bySlot: (slotId: string) => one('WHERE slot_id = ?', slotId),
    living: (workspaceId: string) =>
      many(`WHERE workspace_id = ? AND state NOT IN ('terminated', 'failed')`, workspaceId),
    /** Whatever is being done to it meanwhile. False where it has ended. */
    setNetwork: (id: string, network: NetworkRules, generation: number): boolean =>
      db.run(
        `UPDATE sandboxes SET internet = ?, allow_out = ?, deny_out = ?, network_generation = ?
         WHERE id = ? AND state NOT IN ('terminated', 'failed')`,
        network.internet ? 1 : 0,
        JSON.stringify(network.allowOut),
        JSON.stringify(network.denyOut),
        generation,
        id,
      ) === 1,
    runningWithTimeout: () => many(`WHERE state = 'running' AND timeout_secs > 0`),
    /** Takes away what ended before that and has left nothing on the host; answers how many. */
    forgetEnded: (before: number, limit: number): number =>
      db.run(
        `DELETE FROM sandboxes WHERE id IN (
           SELECT id FROM sandboxes WHERE terminated_at < ? AND operation IS NULL AND slot_id IS NULL
           ORDER BY terminated_at LIMIT ?)`,
        before,
        limit,
      ),
    countLiving: (workspaceId: string): number =>
      db.get<{ count: number }>(
        `SELECT count(*) AS count FROM sandboxes WHERE workspace_id = ? AND state NOT IN ('terminated', 'failed')`,
        workspaceId,
      )?.count ?? 0,
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
    /** Writes what an operation found, unless the incarnation or the operation has changed meanwhile. */
    change: (
      record: Pick<SandboxRecord, 'id' | 'incarnation'>,
      during: SandboxOperation | undefined,
      change: SandboxChange,
    ): boolean => applyChange(db, record, during, change),
  };
}

/**
 * Each half by the index that holds no more than its sandboxes: by age alone, a list would read the whole history
 * of its workspace.
 */
function list(db: Db, workspaceId: string, endedSince: number, page: ListPage): SandboxRecord[] {
  const { after = { at: Number.MAX_SAFE_INTEGER, id: '' } } = page;
  const { filter } = page;
  const shown = `CASE WHEN operation = 'suspend' THEN 'suspending'
    WHEN operation = 'snapshot' AND state = 'running' THEN 'snapshotting' ELSE 'none' END`;
  const asked = `workspace_id = ?1 AND (created_at, id) < (?2, ?3)
    AND state IN (SELECT value FROM json_each(?4)) AND ${shown} = ifnull(?5, ${shown})`;
  return db
    .all<SandboxRow>(
      `SELECT * FROM (
         SELECT * FROM sandboxes INDEXED BY sandboxes_living
         WHERE state NOT IN ('terminated', 'failed') AND ${asked}
         UNION ALL
         SELECT * FROM sandboxes INDEXED BY sandboxes_ended WHERE terminated_at > ?6 AND ${asked})
       ORDER BY created_at DESC, id DESC LIMIT ?7`,
      workspaceId,
      after.at,
      after.id,
      JSON.stringify(filter?.states ?? states),
      filter === undefined ? null : (filter.during ?? 'none'),
      endedSince,
      page.limit ?? -1,
    )
    .map(toRecord);
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
    `WHERE workspace_id = ? AND terminated_at IS NOT NULL AND (terminated_at, id) ${forward ? '<' : '>'} (?, ?)
     ORDER BY terminated_at ${order}, id ${order} LIMIT ?`,
    workspaceId,
    after.at,
    after.id,
    page.limit,
  );
  return forward ? records : records.toReversed();
}

const columnOf = {
  name: 'name',
  state: 'state',
  manifestDigest: 'manifest_digest',
  operation: 'operation',
  slotId: 'slot_id',
  endpoint: 'endpoint',
  terminatedAt: 'terminated_at',
  outcome: 'outcome',
  terminationReason: 'termination_reason',
  error: 'error',
  exposedPorts: 'exposed_ports',
  allowUnauthenticated: 'allow_unauthenticated',
} as const satisfies Record<keyof SandboxChange, string>;

function applyChange(
  db: Db,
  record: Pick<SandboxRecord, 'id' | 'incarnation'>,
  during: SandboxOperation | undefined,
  change: SandboxChange,
): boolean {
  const { endpoint, exposedPorts, allowUnauthenticated, ...plain } = change;
  const values: [string, string | number | null][] = Object.entries(plain).map(([key, value]) => [
    columnOf[key as keyof typeof columnOf], // keys of SandboxChange
    value ?? null,
  ]);
  if (endpoint) values.push([columnOf.endpoint, JSON.stringify(endpoint)]);
  if (exposedPorts) values.push([columnOf.exposedPorts, JSON.stringify(exposedPorts)]);
  if (allowUnauthenticated !== undefined)
    values.push([columnOf.allowUnauthenticated, allowUnauthenticated ? 1 : 0]);
  return (
    db.run(
      `UPDATE sandboxes SET ${values.map(([column]) => `${column} = ?`).join(', ')}
       WHERE id = ? AND incarnation = ? AND operation IS ?`,
      ...values.map(([, value]) => value),
      record.id,
      record.incarnation,
      during ?? null,
    ) === 1
  );
}

function insert(db: Db, record: SandboxRecord): void {
  db.run(
    `INSERT INTO sandboxes (id, workspace_id, name, state, operation, incarnation, runtime, image, manifest_digest, agent_digest,
       cpus, memory_mb, disk_mb, timeout_secs, entrypoint, secret_names, internet, allow_out, deny_out,
       network_generation, origin_snapshot_id, created_at, exposed_ports, allow_unauthenticated)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    record.id,
    record.workspaceId,
    record.name ?? null,
    record.state,
    record.operation ?? null,
    record.incarnation,
    record.runtime,
    record.image,
    record.manifestDigest,
    record.agentDigest,
    record.limits.cpus,
    record.limits.memoryMb,
    record.limits.diskMb,
    record.timeoutSecs ?? null,
    record.entrypoint ? JSON.stringify(record.entrypoint) : null,
    record.secretNames ? JSON.stringify(record.secretNames) : null,
    record.network.internet ? 1 : 0,
    JSON.stringify(record.network.allowOut),
    JSON.stringify(record.network.denyOut),
    record.networkGeneration,
    record.originSnapshotId ?? null,
    record.createdAt,
    JSON.stringify(record.exposedPorts),
    record.allowUnauthenticated ? 1 : 0,
  );
}

function toRecord(row: SandboxRow): SandboxRecord {
  return {
    id: row.id,
    workspaceId: row.workspace_id,
    state: row.state,
    incarnation: row.incarnation,
    runtime: row.runtime,
    image: row.image,
    manifestDigest: row.manifest_digest,
    agentDigest: row.agent_digest,
    limits: { cpus: row.cpus, memoryMb: row.memory_mb, diskMb: row.disk_mb },
    // Written by this module alone, so their shape is known.
    network: {
      internet: row.internet === 1,
      allowOut: JSON.parse(row.allow_out) as string[],
      denyOut: JSON.parse(row.deny_out) as string[],
    },
    networkGeneration: row.network_generation,
    exposedPorts: JSON.parse(row.exposed_ports) as number[],
    allowUnauthenticated: row.allow_unauthenticated === 1,
    createdAt: row.created_at,
    ...present('name', row.name),
    ...present('operation', row.operation),
    ...present('slotId', row.slot_id),
    ...present('timeoutSecs', row.timeout_secs),
    ...present('originSnapshotId', row.origin_snapshot_id),
    ...present('terminatedAt', row.terminated_at),
    ...present('outcome', row.outcome),
    ...present('terminationReason', row.termination_reason),
    ...present('error', row.error),
    // Written by this module alone, so their shape is known.
    ...present('endpoint', row.endpoint === null ? null : (JSON.parse(row.endpoint) as SlotEndpoint)),
    ...present('entrypoint', row.entrypoint === null ? null : (JSON.parse(row.entrypoint) as string[])),
    ...present('secretNames', row.secret_names === null ? null : (JSON.parse(row.secret_names) as string[])),
  };
}

/** A column as an optional field: NULL is absent. */
function present<K extends string, V>(key: K, value: V | null): { [P in K]?: V } {
  return value === null ? {} : ({ [key]: value } as { [P in K]?: V }); // computed keys widen to string
}
