import type {
  CreateSandboxAnswer,
  CreateSandboxBody,
  OnCrash,
  SandboxInfo as WireSandboxInfo,
  SnapshotType,
  UpdateSandboxBody,
} from '@atoll/protocol';
import { toMount, toMountBody } from './file-system-info.ts';
import type { FileSystemMount } from './file-system-info.ts';
import { withoutUndefined } from './without-undefined.ts';

/** The states of a sandbox, as the API spells them. `timeout` and `failed` only occur in the answer to a create. */
export const SandboxStatus = {
  PENDING: 'pending',
  RUNNING: 'running',
  SNAPSHOTTING: 'snapshotting',
  SUSPENDING: 'suspending',
  SUSPENDED: 'suspended',
  TERMINATED: 'terminated',
  TIMEOUT: 'timeout',
  FAILED: 'failed',
} as const;
export type SandboxStatus = (typeof SandboxStatus)[keyof typeof SandboxStatus];

/** What a sandbox may use at most. Ceilings, not reservations. */
export interface ContainerResourcesInfo {
  /** CPUs, fractions included. */
  cpus: number;
  /** Megabytes of memory. */
  memoryMb: number;
  diskMb: number;
  /** The same as `diskMb`. */
  ephemeralDiskMb: number;
}

/** Which destinations a sandbox may reach. */
export interface NetworkConfig {
  allowInternetAccess: boolean;
  /**
   * IPv4 addresses, IPv4 ranges, host names or `*.example.com`; where it is not empty, anything else is denied, and
   * `allowInternetAccess` only says whether names are resolved.
   */
  allowOut: string[];
  /** As `allowOut`, and wins over it. */
  denyOut: string[];
}

/** Where an exposed port is reached. */
export interface PortUrl {
  port: number;
  /** An origin of its own by name where the server has a domain for that, else `pathUrl`. */
  url: string;
  /** Below a path of the server; pages get no access to its origin. */
  pathUrl: string;
  /** On the server's own machine. */
  localUrl?: string;
}

/** Where the server is reached by SSH, on the host of its API; the user name is the sandbox. */
export interface SshEndpoint {
  port: number;
  /** As `ssh` shows it: `SHA256:…`. */
  hostKeyFingerprint: string;
}

/** One sandbox as the server knows it. */
export interface SandboxInfo {
  /** 21 characters a–z, 0–9. */
  sandboxId: string;
  /** Absent for ephemeral sandboxes. */
  name?: string;
  /** The workspace that it belongs to. */
  namespace: string;
  /** Where it is in its life. */
  status: SandboxStatus;
  /** What its files came from. */
  image?: string;
  /** What it may use at most. */
  resources: ContainerResourcesInfo;
  /** File systems that outlive it. */
  fileSystems: FileSystemMount[];
  /** Names of the secrets in its environment. */
  secretNames: string[];
  /** The pool that it was claimed from. */
  poolId?: string;
  /** Seconds without a request after which a named sandbox suspends and an ephemeral one terminates; absent = never. */
  timeoutSecs?: number;
  /** The command that runs from the start. */
  entrypoint?: string[];
  network?: NetworkConfig;
  /** Ports that the gateway routes traffic to. */
  exposedPorts: number[];
  /** Where each exposed port is reached. */
  portUrls: PortUrl[];
  /** Whether exposed ports need no key. */
  allowUnauthenticatedAccess: boolean;
  /** Absent where the server has no SSH. */
  ssh?: SshEndpoint;
  /** When it was asked for. */
  createdAt?: Date;
  /** Present once it has ended. */
  terminatedAt?: Date;
  /** How it ended, e.g. `Success(Timeout)`. */
  outcome?: string;
  terminationReason?: string;
  errorDetails?: { message: string };
  /** Where its data plane is reached. */
  sandboxUrl?: string;
  /** Where the time of its creation went, in the order in which its parts ended; absent until it runs. */
  startStages?: { name: string; ms: number }[];
  /** What becomes of it when its runtime dies; absent: it is terminated. */
  onCrash?: OnCrash;
  /** The sandbox that it is a copy of. */
  originSandboxId?: string;
  /** The snapshot that it was started from or rolled back to last. */
  originSnapshotId?: string;
}

/** A terminated sandbox in the archive. */
export interface ArchivedSandboxInfo extends SandboxInfo {
  archivedAt: Date;
}

/** The answer to a create. */
export interface CreateSandboxResponse {
  sandboxId: string;
  /** `running`, unless the sandbox did not start in time or at all. */
  status: SandboxStatus;
  name?: string;
  sandboxUrl?: string;
  /** Why it is not running. */
  reason?: string;
  terminationReason?: string;
  errorDetails?: unknown;
}

/** What to create; the server has a default for everything. */
export interface CreateSandboxOptions {
  /** Registered image. Default `tensorlake/ubuntu-minimal`. */
  image?: string;
  /** CPUs, fractions allowed. Default 1. */
  cpus?: number;
  /** Megabytes of memory. Default 1024. */
  memoryMb?: number;
  /** Megabytes of disk for what the sandbox writes. */
  diskMb?: number;
  /** Seconds without a request until it suspends (named) or terminates (ephemeral). 0 or absent: never. */
  timeoutSecs?: number;
  /** Command that runs from the start, beside the ones that you run. */
  entrypoint?: string[];
  /** False blocks all traffic outwards. Default true. */
  allowInternetAccess?: boolean;
  allowOut?: string[];
  denyOut?: string[];
  /** Start from this snapshot: from its memory where it has one, with the processes that ran. */
  snapshotId?: string;
  /** `filesystem`: from the files of a memory snapshot alone. */
  snapshotType?: SnapshotType;
  /** a–z, 0–9 and `-`, at most 63 characters. A named sandbox can be suspended and resumed. */
  name?: string;
  /** File systems to mount. */
  fileSystems?: FileSystemMount[];
  /** `restore`: go on from the last memory snapshot when the runtime dies (gVisor). Default: it is terminated. */
  onCrash?: OnCrash;
  /** Names of secrets of the workspace to put into its environment. */
  secretNames?: string[];
  /** Ports that the gateway routes traffic to. */
  exposedPorts?: number[];
  /** The same as `exposedPorts`, as the reference of the API spells it. */
  exposePorts?: number[];
  /** Whether exposed ports need no key. */
  allowUnauthenticatedAccess?: boolean;
}

/** What to change; absent fields stay. */
export interface UpdateSandboxOptions {
  name?: string;
  exposedPorts?: number[];
  allowUnauthenticatedAccess?: boolean;
  /** What becomes of it when its runtime dies. */
  onCrash?: OnCrash;
  /** Replaces all rules at once: connections that the new ones deny end, the others go on. `null` removes every rule. */
  network?: Partial<NetworkConfig> | null;
}

export function toCreateBody(options: CreateSandboxOptions): Partial<CreateSandboxBody> {
  return withoutUndefined({
    image: options.image,
    resources: resourcesOf(options),
    timeout_secs: options.timeoutSecs,
    entrypoint: options.entrypoint,
    network: networkOf(options),
    snapshot_id: options.snapshotId,
    snapshot_type: options.snapshotType,
    name: options.name,
    file_systems: options.fileSystems?.map(toMountBody),
    on_crash: options.onCrash,
    secret_names: options.secretNames,
    exposed_ports: options.exposedPorts ?? options.exposePorts,
    allow_unauthenticated_access: options.allowUnauthenticatedAccess,
  });
}

function resourcesOf({ cpus, memoryMb, diskMb }: CreateSandboxOptions) {
  const resources = withoutUndefined({ cpus, memory_mb: memoryMb, disk_mb: diskMb });
  return Object.keys(resources).length === 0 ? undefined : resources;
}

export function networkOf({ allowInternetAccess, allowOut, denyOut }: Partial<NetworkConfig>) {
  if (allowInternetAccess === undefined && allowOut === undefined && denyOut === undefined) return undefined;
  return {
    allow_internet_access: allowInternetAccess ?? true,
    allow_out: allowOut ?? [],
    deny_out: denyOut ?? [],
  };
}

export function toUpdateBody(options: UpdateSandboxOptions): UpdateSandboxBody {
  return withoutUndefined({
    name: options.name,
    exposed_ports: options.exposedPorts,
    allow_unauthenticated_access: options.allowUnauthenticatedAccess,
    on_crash: options.onCrash,
    network: options.network === null ? null : networkOf(options.network ?? {}),
  });
}

export const toCreateResponse = (answer: CreateSandboxAnswer): CreateSandboxResponse =>
  withoutUndefined({
    sandboxId: answer.sandbox_id,
    status: answer.status,
    name: answer.name,
    sandboxUrl: answer.sandbox_url,
    reason: answer.reason,
    terminationReason: answer.termination_reason,
    errorDetails: answer.error_details,
  });

export function toSandboxInfo(wire: WireSandboxInfo): SandboxInfo {
  return withoutUndefined({
    sandboxId: wire.id,
    name: wire.name,
    namespace: wire.namespace,
    status: wire.status,
    image: wire.image,
    resources: toResources(wire.resources),
    fileSystems: wire.file_systems.map(toMount),
    secretNames: wire.secret_names ?? [],
    poolId: wire.pool_id,
    timeoutSecs: wire.timeout_secs,
    entrypoint: wire.entrypoint,
    network: wire.network && toNetwork(wire.network),
    exposedPorts: wire.exposed_ports ?? [],
    portUrls: (wire.port_urls ?? []).map(toPortUrl),
    allowUnauthenticatedAccess: wire.allow_unauthenticated_access,
    ssh: wire.ssh && { port: wire.ssh.port, hostKeyFingerprint: wire.ssh.host_key_fingerprint },
    createdAt: toDate(wire.created_at),
    terminatedAt: toDate(wire.terminated_at),
    outcome: wire.outcome,
    terminationReason: wire.termination_reason,
    errorDetails: wire.error_details,
    sandboxUrl: wire.sandbox_url,
    startStages: wire.start_stages,
    onCrash: wire.on_crash,
    originSandboxId: wire.origin_sandbox_id,
    originSnapshotId: wire.origin_snapshot_id,
  });
}

export const toArchivedSandboxInfo = (
  wire: WireSandboxInfo & { archived_at: number },
): ArchivedSandboxInfo => ({
  ...toSandboxInfo(wire),
  archivedAt: new Date(wire.archived_at),
});

export const toResources = (wire: WireSandboxInfo['resources']): ContainerResourcesInfo => ({
  cpus: wire.cpus,
  memoryMb: wire.memory_mb,
  diskMb: wire.disk_mb,
  ephemeralDiskMb: wire.ephemeral_disk_mb,
});

const toPortUrl = (wire: NonNullable<WireSandboxInfo['port_urls']>[number]): PortUrl =>
  withoutUndefined({ port: wire.port, url: wire.url, pathUrl: wire.path_url, localUrl: wire.local_url });

export const toNetwork = (wire: NonNullable<WireSandboxInfo['network']>): NetworkConfig => ({
  allowInternetAccess: wire.allow_internet_access,
  allowOut: wire.allow_out,
  denyOut: wire.deny_out,
});

export const toDate = (epochMs: number | undefined): Date | undefined =>
  epochMs === undefined ? undefined : new Date(epochMs);
