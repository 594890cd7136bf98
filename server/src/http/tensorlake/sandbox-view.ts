import type { CreateSandboxAnswer, PortUrl, SandboxInfo, SandboxStatus, SshEndpoint } from '@atoll/protocol';
import type { Copied } from '../../sandbox/copy.ts';
import type { Created } from '../../sandbox/request.ts';
import type { ResourceLimits } from '../../runtime/driver.ts';
import { states } from '../../store/sandbox-store.ts';
import type {
  ListFilter,
  NetworkRules,
  SandboxRecord,
  ShownOperation,
  StartStage,
} from '../../store/sandbox-store.ts';
import type { VolumeMountRequest } from '../../volume/sandbox-volumes.ts';

/** The wire's status: the state, unless an operation in flight has a word of its own. */
function statusOf(record: Pick<SandboxRecord, 'state' | 'operation'>): SandboxStatus {
  if (record.operation === 'suspend') return 'suspending';
  if (record.operation === 'snapshot' && record.state === 'running') return 'snapshotting';
  return record.state === 'failed' ? 'terminated' : record.state;
}

/** Which sandboxes `statusOf` shows with this status. */
export const filterOf = (status: SandboxStatus): ListFilter => ({
  states: isShownOperation(status) ? states : states.filter((state) => statusOf({ state }) === status),
  ...(isShownOperation(status) && { during: status }),
});

const isShownOperation = (status: SandboxStatus): status is ShownOperation =>
  status === 'suspending' || status === 'snapshotting';

/** The disk in both spellings: some clients read one, some the other. */
export const toResources = ({ cpus, memoryMb, diskMb }: ResourceLimits): SandboxInfo['resources'] => ({
  cpus,
  memory_mb: memoryMb,
  ephemeral_disk_mb: diskMb,
  disk_mb: diskMb,
});

export const toNetwork = ({ internet, allowOut, denyOut }: NetworkRules) => ({
  allow_internet_access: internet,
  allow_out: allowOut,
  deny_out: denyOut,
});

/** Where clients reach a sandbox beside its API. */
interface Ways {
  portUrls: readonly PortUrl[];
  ssh: SshEndpoint | undefined;
}

/** To a tenth of a millisecond. */
const toStage = ({ name, ms }: StartStage): StartStage => ({ name, ms: Math.round(ms * 10) / 10 });

/** A sandbox in the words of the Tensorlake wire (1.4). */
export function toSandboxInfo(
  record: SandboxRecord,
  namespace: string,
  baseUrl: string,
  { portUrls, ssh }: Ways = { portUrls: [], ssh: undefined },
): SandboxInfo {
  return {
    id: record.id,
    namespace,
    status: statusOf(record),
    image: record.image,
    resources: toResources(record.limits),
    network: toNetwork(record.network),
    created_at: record.createdAt,
    allow_unauthenticated_access: record.allowUnauthenticated,
    exposed_ports: [...record.exposedPorts],
    ...(portUrls.length > 0 && { port_urls: [...portUrls] }),
    ...(ssh && { ssh }),
    secret_names: record.secretNames ?? [],
    file_systems: (record.volumes ?? []).map((mount) =>
      toFileSystemMount({ ...mount, volume: mount.volumeId }),
    ),
    sandbox_url: baseUrl,
    ...(record.name !== undefined && { name: record.name }),
    ...(record.startStages && { start_stages: record.startStages.map(toStage) }),
    ...(record.onCrash !== undefined && { on_crash: record.onCrash }),
    ...(record.originSandboxId !== undefined && { origin_sandbox_id: record.originSandboxId }),
    ...(record.originSnapshotId !== undefined && { origin_snapshot_id: record.originSnapshotId }),
    ...(record.pool !== undefined && { pool_id: record.pool.id }),
    ...(record.timeoutSecs !== undefined && { timeout_secs: record.timeoutSecs }),
    ...(record.entrypoint && { entrypoint: record.entrypoint }),
    ...(record.terminatedAt !== undefined && { terminated_at: record.terminatedAt }),
    ...(record.outcome !== undefined && { outcome: record.outcome }),
    ...(record.terminationReason !== undefined && { termination_reason: record.terminationReason }),
    ...(record.error !== undefined && { error_details: { message: record.error } }),
  };
}

/** A volume and where it is mounted. */
export const toFileSystemMount = ({ volume, mountPath, isReadonly, snapshotId }: VolumeMountRequest) => ({
  file_system_id: volume,
  mount_path: mountPath,
  ...(isReadonly && { read_only: true }),
  ...(snapshotId !== undefined && { snapshot_id: snapshotId }),
});

/** Ended sandboxes are archived from the moment they end. */
export const toArchivedInfo = (record: SandboxRecord, namespace: string, baseUrl: string) => ({
  ...toSandboxInfo(record, namespace, baseUrl),
  archived_at: record.terminatedAt ?? record.createdAt,
});

const createReasons = {
  running: {},
  timeout: { reason: 'the sandbox did not run within the request timeout; its start goes on' },
  pending: { reason: 'the image is built first, because nobody has used it on this server before' },
} as const satisfies Record<Created['kind'], { reason?: string }>;

export function toCreateAnswer(created: Created, baseUrl: string): CreateSandboxAnswer {
  const { record } = created;
  return {
    sandbox_id: record.id,
    sandbox_url: baseUrl,
    ...(record.name !== undefined && { name: record.name }),
    status: created.kind,
    ...createReasons[created.kind],
  };
}

/** A copy as a create shows what it made. */
export function toCopyAnswer(copy: Copied, baseUrl: string): CreateSandboxAnswer {
  if (copy.kind !== 'failed') return toCreateAnswer(copy, baseUrl);
  return {
    sandbox_id: copy.record.id,
    status: 'failed',
    reason: copy.reason,
    error_details: { message: copy.reason },
    ...(copy.record.terminationReason !== undefined && {
      termination_reason: copy.record.terminationReason,
    }),
  };
}
