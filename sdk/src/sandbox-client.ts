import {
  attachFileSystem,
  detachFileSystem,
  getArchivedSandbox,
  listArchivedSandboxes,
  listSandboxes,
} from '@atoll/protocol';
import type { ConnectOptions, SettleOptions, WaitOptions } from './call-options.ts';
import type { NetworkReport, UsageSample } from '@atoll/protocol';
import { workspaceUsage } from './workspace-usage.ts';
import { SandboxPreviews } from './blaxel/sandbox-previews.ts';
import { createConnection } from './connection.ts';
import type { ClientOptions, Connection } from './connection.ts';
import { toMountBody } from './file-system-info.ts';
import type { FileSystemMount } from './file-system-info.ts';
import { FileSystems } from './file-systems.ts';
import { Lifecycle } from './lifecycle.ts';
import type { ClaimOptions, CreateAndConnectOptions, RunningSandbox } from './lifecycle.ts';
import { PoolCalls } from './pool-calls.ts';
import type {
  CreatePoolOptions,
  CreateSandboxPoolResponse,
  SandboxPoolInfo,
  UpdatePoolOptions,
} from './pool-info.ts';
import { whereabouts } from './sandbox-parts.ts';
import type { CopySandboxOptions, CopySandboxResponse } from './sandbox-copy.ts';
import { followLogs, listLogged, readLogs } from './sandbox-logs.ts';
import type {
  FollowedLogEntry,
  FollowLogsOptions,
  GetSandboxLogsOptions,
  LoggedProcess,
  SandboxLogs,
} from './sandbox-logs.ts';
import { Sandbox } from './sandbox.ts';
import { Snapshots } from './snapshots.ts';
import type {
  CreateSnapshotResponse,
  SnapshotAndWaitOptions,
  RollbackOptions,
  SnapshotInfo,
  SnapshotOptions,
} from './snapshots.ts';
import { toArchivedSandboxInfo, toSandboxInfo } from './sandbox-info.ts';
import type {
  ArchivedSandboxInfo,
  CreateSandboxResponse,
  SandboxInfo,
  SandboxStatus,
  UpdateSandboxOptions,
} from './sandbox-info.ts';
import type { Settings } from './settings.ts';

export interface ListOptions extends WaitOptions {
  /** Only sandboxes in this state. */
  status?: Exclude<SandboxStatus, 'timeout' | 'failed'>;
}

export interface ExposePortsOptions extends WaitOptions {
  /** Whether exposed ports need no key when the sandbox is named by its id. Default false. */
  allowUnauthenticatedAccess?: boolean;
}

export interface ListArchivedOptions extends WaitOptions {
  /** Entries per page, 1 to 1000. Default 100. */
  limit?: number;
  /** `nextCursor` or `prevCursor` of an earlier page. */
  cursor?: string;
  /** Default `forward`, towards older ones. */
  direction?: 'forward' | 'backward';
}

/** One page of the archive, newest first. */
export interface ArchivedPage {
  sandboxes: ArchivedSandboxInfo[];
  nextCursor?: string;
  prevCursor?: string;
}

/**
 * Manages the sandboxes of a workspace. Make one and keep it. Without options it finds the server as
 * `resolveSettings` says. Methods take an id or a name and throw SandboxNotFoundError, RemoteAPIError or
 * SandboxConnectionError.
 */
export class SandboxClient {
  readonly #connection: Connection;
  readonly #lifecycle: Lifecycle;
  readonly #pools: PoolCalls;
  readonly #snapshots: Snapshots;
  /** The file systems of the workspace. */
  readonly fileSystems: FileSystems;

  constructor(options: ClientOptions = {}) {
    this.#connection = createConnection(options);
    this.#lifecycle = new Lifecycle(this.#connection);
    this.#pools = new PoolCalls(this.#connection);
    this.#snapshots = new Snapshots(this.#connection, this.#lifecycle);
    this.fileSystems = new FileSystems(this.#connection);
  }

  /** The server and the workspace that calls go to, and where that was found. */
  settings(): Promise<Settings> {
    return this.#connection.settings();
  }

  /** Creates a sandbox; answers when it runs. Status `timeout` or `pending`: it did not run in time. */
  create(options: CreateAndConnectOptions = {}): Promise<CreateSandboxResponse> {
    return this.#lifecycle.create(options);
  }

  /** Creates a sandbox, waits until it runs, and returns a handle whose `await using` terminates it. */
  async createAndConnect(options: CreateAndConnectOptions = {}): Promise<Sandbox> {
    return this.#handle(await this.#lifecycle.createRunning(options), true);
  }

  /** A handle for a sandbox that exists. */
  async connect(identifier: string, options: ConnectOptions = {}): Promise<Sandbox> {
    return this.#handle(await this.get(identifier, options), false, options.proxyUrl);
  }

  /** One sandbox; terminated ones by id. */
  get(identifier: string, options: WaitOptions = {}): Promise<SandboxInfo> {
    return this.#lifecycle.get(identifier, options);
  }

  /** Every sandbox of the workspace, newest first. */
  async list(options: ListOptions = {}): Promise<SandboxInfo[]> {
    const input = { params: await this.#lifecycle.namespace(), query: { status: options.status } };
    const { sandboxes } = await (await this.#connection.server()).call(listSandboxes, input, options);
    return sandboxes.map(toSandboxInfo);
  }

  /** A page of terminated sandboxes, newest first. */
  async listArchived(options: ListArchivedOptions = {}): Promise<ArchivedPage> {
    const { limit, cursor, direction } = options;
    const input = { params: await this.#lifecycle.namespace(), query: { limit, cursor, direction } };
    const page = await (await this.#connection.server()).call(listArchivedSandboxes, input, options);
    return {
      sandboxes: page.sandboxes.map(toArchivedSandboxInfo),
      ...(page.next_cursor !== null && { nextCursor: page.next_cursor }),
      ...(page.prev_cursor !== null && { prevCursor: page.prev_cursor }),
    };
  }

  /** One terminated sandbox. */
  async getArchived(identifier: string, options: WaitOptions = {}): Promise<ArchivedSandboxInfo> {
    return toArchivedSandboxInfo(await this.#lifecycle.one(getArchivedSandbox, identifier, {}, options));
  }

  /** Renames a sandbox; naming an ephemeral one makes it one that can be suspended. */
  updateSandbox(identifier: string, name: string, options: WaitOptions = {}): Promise<SandboxInfo> {
    return this.update(identifier, { name }, options);
  }

  /**
   * What the running sandboxes of the workspace use, every two seconds: processor time, memory, and since when nobody
   * uses them. Ends when the loop is left; throws SandboxConnectionError where the connection breaks.
   */
  usage(options: WaitOptions = {}): AsyncGenerator<UsageSample> {
    return workspaceUsage(this.#connection, options);
  }

  /** Ports of a sandbox at URLs of their own, for people who have no key: open to all, or by tokens that expire. */
  previews(identifier: string): SandboxPreviews {
    const connection = this.#connection;
    return new SandboxPreviews(
      { call: async (route, input, options) => (await connection.server()).call(route, input, options) },
      () => identifier,
    );
  }

  /** Changes name, ports or network of a sandbox. */
  update(identifier: string, changes: UpdateSandboxOptions, options: WaitOptions = {}): Promise<SandboxInfo> {
    return this.#lifecycle.update(identifier, changes, options);
  }

  /** What went through the network of a sandbox, by which rules, and what was refused of late. */
  network(identifier: string, options: WaitOptions = {}): Promise<NetworkReport> {
    return this.#lifecycle.network(identifier, options);
  }

  /**
   * What the processes of a sandbox printed, a part of it, oldest line first. Of ended sandboxes by id, for seven days.
   * What goes to terminals is not kept.
   */
  getLogs(identifier: string, options: GetSandboxLogsOptions = {}): Promise<SandboxLogs> {
    return readLogs(this.#lifecycle, identifier, options);
  }

  /** The processes of a sandbox of which printed lines are kept. */
  listLogProcesses(identifier: string, options: WaitOptions = {}): Promise<LoggedProcess[]> {
    return listLogged(this.#lifecycle, identifier, options);
  }

  /** What the processes of a sandbox printed and print, line by line, until it ends. */
  followLogs(identifier: string, options: FollowLogsOptions = {}): AsyncGenerator<FollowedLogEntry> {
    return followLogs(this.#connection, this.#lifecycle, identifier, options);
  }

  /**
   * Lets the gateway pass requests to these ports, beside those that are exposed already; by default only with a key.
   * Throws RemoteAPIError (400) for a port that cannot be exposed. (seed 003)
   */
  async exposePorts(
    identifier: string,
    ports: readonly number[],
    { allowUnauthenticatedAccess = false, ...options }: ExposePortsOptions = {},
  ): Promise<SandboxInfo> {
    const { exposedPorts } = await this.get(identifier, options);
    const all = [...new Set([...exposedPorts, ...ports])].toSorted((a, b) => a - b);
    return this.update(identifier, { exposedPorts: all, allowUnauthenticatedAccess }, options);
  }

  /** Takes these ports back, and once none remains the access without a key as well. (seed 003) */
  async unexposePorts(
    identifier: string,
    ports: readonly number[],
    options: WaitOptions = {},
  ): Promise<SandboxInfo> {
    const info = await this.get(identifier, options);
    const exposedPorts = info.exposedPorts.filter((port) => !ports.includes(port));
    const allowUnauthenticatedAccess = exposedPorts.length > 0 && info.allowUnauthenticatedAccess;
    return this.update(identifier, { exposedPorts, allowUnauthenticatedAccess }, options);
  }

  /**
   * Suspends a named sandbox: it stands still with its memory, files and processes, and any request wakes it. One that
   * is suspended already is no error. Throws RemoteAPIError (400) for a sandbox without a name. (seed 003)
   */
  suspend(identifier: string, options: SettleOptions = {}): Promise<void> {
    return this.#lifecycle.settle('suspended', identifier, options);
  }

  /** Lets a suspended sandbox go on where it was; one that runs already is no error. (seed 003) */
  resume(identifier: string, options: SettleOptions = {}): Promise<void> {
    return this.#lifecycle.settle('running', identifier, options);
  }

  /** Creates a pool: sandboxes of one kind, of which some are kept ready to be claimed. */
  createPool(pool: CreatePoolOptions = {}, options: WaitOptions = {}): Promise<CreateSandboxPoolResponse> {
    return this.#pools.create(pool, options);
  }

  /** One pool with its containers. Throws PoolNotFoundError. */
  getPool(poolId: string, options: WaitOptions = {}): Promise<SandboxPoolInfo> {
    return this.#pools.get(poolId, options);
  }

  /** Every pool of the workspace, newest first, without containers. */
  listPools(options: WaitOptions = {}): Promise<SandboxPoolInfo[]> {
    return this.#pools.list(options);
  }

  /** Replaces what a pool is; warm containers that differ are replaced. Throws PoolNotFoundError. */
  updatePool(poolId: string, pool: UpdatePoolOptions, options: WaitOptions = {}): Promise<SandboxPoolInfo> {
    return this.#pools.update(poolId, pool, options);
  }

  /** Deletes a pool. Throws PoolNotFoundError, and PoolInUseError while a claimed sandbox lives. */
  deletePool(poolId: string, options: WaitOptions = {}): Promise<void> {
    return this.#pools.delete(poolId, options);
  }

  /** Takes a sandbox of a pool: a warm one, else a new one. Status `timeout`: it did not run in time. */
  claim(poolId: string, options: ClaimOptions = {}): Promise<CreateSandboxResponse> {
    return this.#lifecycle.claim(poolId, options);
  }

  /** Takes a sandbox of a pool, waits until it runs, and returns a handle whose `await using` terminates it. */
  async claimAndConnect(poolId: string, options: ClaimOptions = {}): Promise<Sandbox> {
    return this.#handle(await this.#lifecycle.claimRunning(poolId, options), true);
  }

  /** Begins a snapshot of a sandbox that runs or is suspended; it goes on. Status `in_progress` at first. (seed 003) */
  snapshot(identifier: string, options: SnapshotOptions = {}): Promise<CreateSnapshotResponse> {
    return this.#snapshots.begin(identifier, options);
  }

  /** Takes a snapshot and waits until sandboxes can start from it. Throws SandboxError where it fails. (seed 003) */
  snapshotAndWait(identifier: string, options: SnapshotAndWaitOptions = {}): Promise<SnapshotInfo> {
    return this.#snapshots.take(identifier, options);
  }

  /** Waits until sandboxes can start from a snapshot that was begun. Throws SandboxError where it fails. */
  waitForSnapshot(snapshotId: string, options: SnapshotAndWaitOptions = {}): Promise<SnapshotInfo> {
    return this.#snapshots.untilReady(snapshotId, options);
  }

  /** Every snapshot of the workspace, newest first. (seed 003) */
  listSnapshots(options: WaitOptions = {}): Promise<SnapshotInfo[]> {
    return this.#snapshots.list(options);
  }

  /** One snapshot. (seed 003) */
  getSnapshot(snapshotId: string, options: WaitOptions = {}): Promise<SnapshotInfo> {
    return this.#snapshots.get(snapshotId, options);
  }

  /** Deletes a snapshot; sandboxes and images that came from it stay. (seed 003) */
  deleteSnapshot(snapshotId: string, options: WaitOptions = {}): Promise<void> {
    return this.#snapshots.remove(snapshotId, options);
  }

  /**
   * Starts a sandbox again from a snapshot, under the same id and name; what it did since is lost. It stays what it is
   * where that does not succeed.
   */
  rollback(identifier: string, snapshotId: string, options: RollbackOptions = {}): Promise<SandboxInfo> {
    return this.#snapshots.rollback(identifier, snapshotId, options);
  }

  /** Mounts a file system into a sandbox while it runs. Throws RemoteAPIError, 409 `volume_in_use` where another has it. */
  async attachFileSystem(
    identifier: string,
    mount: FileSystemMount,
    options: WaitOptions = {},
  ): Promise<SandboxInfo> {
    const body = toMountBody(mount);
    return toSandboxInfo(await this.#lifecycle.one(attachFileSystem, identifier, { body }, options));
  }

  /** Takes a file system that was attached out again. Throws RemoteAPIError, 409 `volume_in_use` while a process uses it. */
  async detachFileSystem(
    identifier: string,
    mountPath: string,
    options: WaitOptions = {},
  ): Promise<SandboxInfo> {
    const body = { mount_path: mountPath };
    return toSandboxInfo(await this.#lifecycle.one(detachFileSystem, identifier, { body }, options));
  }

  /**
   * Makes live copies of a running or suspended sandbox, with its memory, processes and files; each is a sandbox of its
   * own. Says of each what became of it. Throws RemoteAPIError where nothing was started: 429 beyond the quota, 503 where
   * the host is short of memory, 400 on a runtime that cannot. (seed 003)
   */
  copy(identifier: string, options: CopySandboxOptions = {}): Promise<CopySandboxResponse> {
    return this.#lifecycle.copy(identifier, options);
  }

  /** Terminates a sandbox for good; one that has ended already is no error. */
  delete(identifier: string, options: WaitOptions = {}): Promise<void> {
    return this.#lifecycle.delete(identifier, options);
  }

  /** Ends the client; calls after this throw. Sandboxes keep running. */
  close(): void {
    this.#connection.close();
  }

  #handle(found: RunningSandbox, owned: boolean, proxyUrl?: string): Sandbox {
    const [lifecycle, connection] = [this.#lifecycle, this.#connection];
    return new Sandbox({ ...whereabouts(found, proxyUrl), lifecycle, connection, owned });
  }
}
