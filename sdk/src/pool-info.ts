import type { PoolBody, PoolInfo } from '@atoll/protocol';
import { toMount, toMountBody } from './file-system-info.ts';
import type { FileSystemMount } from './file-system-info.ts';
import { networkOf, toDate, toNetwork, toResources } from './sandbox-info.ts';
import type { ContainerResourcesInfo, NetworkConfig } from './sandbox-info.ts';
import { withoutUndefined } from './without-undefined.ts';

/** What each sandbox of a pool is, and how many there are. */
export interface CreatePoolOptions {
  /** Registered image. Default `tensorlake/ubuntu-minimal`. */
  image?: string;
  /** CPUs, fractions allowed. Default 1. */
  cpus?: number;
  /** Megabytes of memory. Default 1024. */
  memoryMb?: number;
  /** Megabytes of disk for what each sandbox writes. */
  ephemeralDiskMb?: number;
  /** Seconds without a request until a claimed sandbox ends. 0 or absent: never. */
  timeoutSecs?: number;
  /** Command that runs from the start, before a sandbox is claimed. */
  entrypoint?: string[];
  /** How many sandboxes there may be at once, claimed ones included. Absent: as many as the workspace may have. */
  maxContainers?: number;
  /** How many wait to be claimed. Default 0. */
  warmContainers?: number;
  /** False blocks all traffic outwards. Default true; in an update, absent keeps what is. */
  allowInternetAccess?: boolean;
  allowOut?: string[];
  denyOut?: string[];
  /** Names of secrets of the workspace to put into the environment. */
  secretNames?: string[];
  /** Volumes that each sandbox reads: with `readOnly`, or a `snapshotId`. */
  fileSystems?: FileSystemMount[];
}

/** Takes the place of everything that a pool was before; what is absent gets its default. */
export type UpdatePoolOptions = CreatePoolOptions;

/** One sandbox of a pool. */
export interface PoolContainerInfo {
  id: string;
  /** `Idle` until it is claimed, then `Running`. */
  state: string;
  /** Once it is claimed. */
  sandboxId?: string;
  executorId: string;
}

/** One pool as the server knows it. */
export interface SandboxPoolInfo {
  poolId: string;
  /** The workspace that it belongs to. */
  namespace: string;
  image: string;
  resources: ContainerResourcesInfo;
  /** 0: claimed sandboxes have no timeout. */
  timeoutSecs: number;
  entrypoint?: string[];
  secretNames: string[];
  fileSystems: FileSystemMount[];
  maxContainers?: number;
  warmContainers?: number;
  network?: NetworkConfig;
  /** Not in lists. */
  containers?: PoolContainerInfo[];
  /** Why there are fewer warm containers than there should be. */
  errorDetails?: { message: string };
  createdAt?: Date;
  updatedAt?: Date;
}

/** A pool that was just made. */
export interface CreateSandboxPoolResponse {
  poolId: string;
  namespace: string;
}

export function toPoolBody(options: CreatePoolOptions): Partial<PoolBody> {
  const { cpus, memoryMb, ephemeralDiskMb } = options;
  return withoutUndefined({
    image: options.image,
    resources: withoutUndefined({ cpus, memory_mb: memoryMb, ephemeral_disk_mb: ephemeralDiskMb }),
    timeout_secs: options.timeoutSecs,
    entrypoint: options.entrypoint,
    network: networkOf(options),
    secret_names: options.secretNames,
    file_systems: options.fileSystems?.map(toMountBody),
    max_containers: options.maxContainers,
    warm_containers: options.warmContainers,
  });
}

export const toPoolInfo = (wire: PoolInfo): SandboxPoolInfo =>
  withoutUndefined({
    poolId: wire.pool_id,
    namespace: wire.namespace,
    image: wire.image,
    resources: toResources(wire.resources),
    timeoutSecs: wire.timeout_secs,
    entrypoint: wire.entrypoint,
    secretNames: wire.secret_names ?? [],
    fileSystems: (wire.file_systems ?? []).map(toMount),
    maxContainers: wire.max_containers,
    warmContainers: wire.warm_containers,
    network: wire.network_policy && toNetwork(wire.network_policy),
    containers: wire.containers?.map(toContainer),
    errorDetails: wire.error_details,
    createdAt: toDate(wire.created_at),
    updatedAt: toDate(wire.updated_at),
  });

const toContainer = (wire: NonNullable<PoolInfo['containers']>[number]): PoolContainerInfo => ({
  id: wire.id,
  state: wire.state,
  executorId: wire.executor_id,
  ...(wire.sandbox_id !== null && { sandboxId: wire.sandbox_id }),
});
