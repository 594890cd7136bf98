import { createSnapshot, deleteSnapshot, getSnapshot, listSnapshots, rollbackSandbox } from '@atoll/protocol';
import type { SnapshotInfo as WireSnapshotInfo, SnapshotStatus, SnapshotType } from '@atoll/protocol';
import type { WaitOptions } from './call-options.ts';
import type { Connection } from './connection.ts';
import { SandboxError } from './errors.ts';
import { preferredWaitOf } from './lifecycle.ts';
import type { Lifecycle } from './lifecycle.ts';
import { sleep } from './retry.ts';
import { toSandboxInfo } from './sandbox-info.ts';
import type { SandboxInfo } from './sandbox-info.ts';
import type { SandboxParts } from './sandbox-parts.ts';
import { withoutUndefined } from './without-undefined.ts';

export type { SnapshotStatus, SnapshotType };

/** One snapshot as the server knows it. */
export interface SnapshotInfo {
  /** What sandboxes start from it by. */
  snapshotId: string;
  namespace: string;
  /** The sandbox that it was taken of. */
  sandboxId: string;
  baseImage?: string;
  /** `local_ready`: sandboxes can start from it. `completed`: it is unpacked as well. */
  status: SnapshotStatus;
  snapshotType: SnapshotType;
  /** Why it failed. */
  error?: string;
  snapshotUri?: string;
  /** What it adds to the base image, as it is stored. */
  sizeBytes?: number;
  /** All of its files, unpacked. */
  rootfsDiskBytes?: number;
  /** When it was asked for. */
  createdAt?: Date;
  /** The snapshot that its sandbox had come from. */
  originSnapshotId?: string;
}

/** The answer to the begin of a snapshot. */
export interface CreateSnapshotResponse {
  snapshotId: string;
  status: SnapshotStatus;
}

export interface SnapshotOptions extends WaitOptions {
  /** `filesystem` (default): files alone. `memory`: with the running processes. */
  snapshotType?: SnapshotType;
}

export interface SnapshotAndWaitOptions extends SnapshotOptions {
  /** How long to wait, in seconds (default: 300). */
  timeout?: number;
  /** Seconds between two looks (default: 0.5). */
  pollInterval?: number;
  /** `local_ready` (default) also ends at `completed`. */
  waitUntil?: 'local_ready' | 'completed';
}

/** What `Sandbox.rollback` takes. */
export interface RollbackOptions extends WaitOptions {
  /** `filesystem`: of a memory snapshot, to its files alone. */
  snapshotType?: SnapshotType;
}

/** What `Sandbox.checkpoint` takes. */
export interface CheckpointOptions extends Omit<SnapshotAndWaitOptions, 'snapshotType'> {
  /** `filesystem` (default): files alone. `memory`: with the running processes. */
  checkpointType?: SnapshotType;
}

const DEFAULT_TIMEOUT_SECS = 300;
const DEFAULT_POLL_SECS = 0.5;

/** Calls about snapshots, shared by the client and the handles of sandboxes. */
export class Snapshots {
  readonly #connection: Connection;
  readonly #lifecycle: Lifecycle;

  constructor(connection: Connection, lifecycle: Lifecycle) {
    this.#connection = connection;
    this.#lifecycle = lifecycle;
  }

  async begin(
    sandbox: string,
    options: SnapshotOptions & { preferredWaitSecs?: number },
  ): Promise<CreateSnapshotResponse> {
    const { snapshotType, ...call } = options;
    const body = snapshotType === undefined ? {} : { snapshot_type: snapshotType };
    const answer = await this.#lifecycle.one(createSnapshot, sandbox, { body }, call);
    return { snapshotId: answer.snapshot_id, status: answer.status };
  }

  async get(id: string, options: WaitOptions): Promise<SnapshotInfo> {
    return toSnapshotInfo(await this.#lifecycle.one(getSnapshot, id, {}, options));
  }

  async list(options: WaitOptions): Promise<SnapshotInfo[]> {
    const input = { params: await this.#lifecycle.namespace() };
    const { snapshots } = await (await this.#connection.server()).call(listSnapshots, input, options);
    return snapshots.map(toSnapshotInfo);
  }

  async rollback(sandbox: string, snapshotId: string, options: RollbackOptions): Promise<SandboxInfo> {
    const { snapshotType: snapshot_type } = options;
    const body = withoutUndefined({ snapshot_id: snapshotId, snapshot_type });
    return toSandboxInfo(await this.#lifecycle.one(rollbackSandbox, sandbox, { body }, options));
  }

  async listOf(sandbox: string, options: WaitOptions): Promise<SnapshotInfo[]> {
    return (await this.list(options)).filter(({ sandboxId }) => sandboxId === sandbox);
  }

  checkpoint(sandbox: string, { checkpointType, ...options }: CheckpointOptions): Promise<SnapshotInfo> {
    const type = checkpointType === undefined ? {} : { snapshotType: checkpointType };
    return this.take(sandbox, { ...options, ...type });
  }

  async remove(id: string, options: WaitOptions): Promise<void> {
    await this.#lifecycle.one(deleteSnapshot, id, {}, options);
  }

  async take(sandbox: string, options: SnapshotAndWaitOptions): Promise<SnapshotInfo> {
    const { snapshotType, signal, timeout = DEFAULT_TIMEOUT_SECS } = options;
    const preferredWaitSecs = preferredWaitOf(timeout);
    const asked = withoutUndefined({ snapshotType, signal, preferredWaitSecs });
    const { snapshotId } = await this.begin(sandbox, asked);
    return this.untilReady(snapshotId, options);
  }

  async untilReady(id: string, options: SnapshotAndWaitOptions): Promise<SnapshotInfo> {
    const { timeout = DEFAULT_TIMEOUT_SECS, pollInterval = DEFAULT_POLL_SECS, waitUntil } = options;
    const deadline = Date.now() + timeout * 1000;
    for (;;) {
      const snapshot = await this.get(id, options);
      const { status, error } = snapshot;
      if (status === 'completed' || (status === 'local_ready' && waitUntil !== 'completed')) return snapshot;
      if (status === 'failed') throw new SandboxError(`Snapshot ${id} failed: ${error ?? 'no reason given'}`);
      if (Date.now() >= deadline) throw new SandboxError(`Snapshot ${id} is ${status} after ${timeout} s`);
      await sleep(pollInterval * 1000, options.signal);
    }
  }
}

/** The calls about snapshots, for a handle. */
export const snapshotsOf = ({
  connection,
  lifecycle,
}: Pick<SandboxParts, 'connection' | 'lifecycle'>): Snapshots => new Snapshots(connection, lifecycle);

export const toSnapshotInfo = (wire: WireSnapshotInfo): SnapshotInfo =>
  withoutUndefined({
    snapshotId: wire.id,
    namespace: wire.namespace,
    sandboxId: wire.sandbox_id,
    baseImage: wire.base_image,
    status: wire.status,
    snapshotType: wire.snapshot_type,
    error: wire.error,
    snapshotUri: wire.snapshot_uri,
    sizeBytes: wire.size_bytes,
    rootfsDiskBytes: wire.rootfs_disk_bytes,
    createdAt: wire.created_at === undefined ? undefined : new Date(wire.created_at),
    originSnapshotId: wire.origin_snapshot_id,
  });
