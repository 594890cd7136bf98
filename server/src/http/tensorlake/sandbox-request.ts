import { ApiError } from '@atoll/protocol';
import type {
  CreateSandboxBody,
  FileSystemMount,
  RollbackSandboxBody,
  UpdateSandboxBody,
} from '@atoll/protocol';
import type { SandboxRequest } from '../../sandbox/request.ts';
import type { SandboxUpdate } from '../../sandbox/update.ts';
import type { RollbackTarget } from '../../sandbox/rollback.ts';
import type { VolumeMountRequest } from '../../volume/sandbox-volumes.ts';
import type { NetworkRules } from '../../store/sandbox-store.ts';

/** A create of the Tensorlake wire in the domain's words. What the server cannot keep is refused, never ignored. */
export function toSandboxRequest(body: Partial<CreateSandboxBody>): SandboxRequest {
  refuseUnsupported(body);
  const resources = body.resources ?? {};
  const diskMb = resources.disk_mb ?? resources.ephemeral_disk_mb;
  return {
    network: toNetworkRules(body.network),
    limits: {
      ...(resources.cpus != null && { cpus: resources.cpus }),
      ...(resources.memory_mb != null && { memoryMb: resources.memory_mb }),
      ...(diskMb != null && { diskMb }),
    },
    ...(body.image != null && { image: body.image }),
    ...(body.file_systems?.length && { volumes: body.file_systems.map(toVolumeMount) }),
    ...(body.snapshot_id != null && { snapshotId: body.snapshot_id }),
    ...(body.snapshot_type != null && { snapshotPart: body.snapshot_type }),
    ...(body.name != null && { name: body.name }),
    ...(body.timeout_secs != null && { timeoutSecs: body.timeout_secs }),
    ...(body.entrypoint?.length && { entrypoint: body.entrypoint }),
    ...(body.secret_names?.length && { secretNames: body.secret_names }),
    ...(body.on_crash != null && { onCrash: body.on_crash }),
    ...(body.exposed_ports != null && { exposedPorts: body.exposed_ports }),
    ...(body.allow_unauthenticated_access != null && {
      allowUnauthenticated: body.allow_unauthenticated_access,
    }),
  };
}

/** Volumes are on this machine, so there is nothing to fetch ahead. */
export function toVolumeMount(mount: FileSystemMount): VolumeMountRequest {
  refuseGiven({ 'file_systems.owner': mount.owner });
  return {
    volume: mount.file_system_id,
    mountPath: mount.mount_path,
    ...(mount.read_only != null && { isReadonly: mount.read_only }),
    ...(mount.snapshot_id != null && { snapshotId: mount.snapshot_id }),
  };
}

/** Absent or null: no rules. */
export const toNetworkRules = (network: CreateSandboxBody['network']): NetworkRules => ({
  internet: network?.allow_internet_access ?? true,
  allowOut: network?.allow_out ?? [],
  denyOut: network?.deny_out ?? [],
});

const isGiven = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 : value != null && value !== false;

function refuseUnsupported(body: Partial<CreateSandboxBody>): void {
  const unsupported = {
    'resources.gpus': body.resources?.gpus,
  };
  refuseGiven(unsupported);
}

/** A rollback in the domain's words. */
export const toRollbackTarget = ({ snapshot_id, snapshot_type }: RollbackSandboxBody): RollbackTarget => ({
  snapshotId: snapshot_id,
  ...(snapshot_type !== undefined && { part: snapshot_type }),
});

/** An update of the Tensorlake wire in the domain's words. */
export function toSandboxUpdate(body: UpdateSandboxBody): SandboxUpdate {
  refuseGiven({ resources: body.resources });
  return {
    ...(body.name !== undefined && { name: body.name }),
    ...(body.on_crash !== undefined && { onCrash: body.on_crash }),
    ...(body.exposed_ports !== undefined && { exposedPorts: body.exposed_ports }),
    ...(body.allow_unauthenticated_access !== undefined && {
      allowUnauthenticated: body.allow_unauthenticated_access,
    }),
  };
}

/** Mounts are fixed when a sandbox starts, and one that is claimed may have started. Requests may repeat that they want none. */
export function requireNoFileSystems({ file_systems }: Pick<CreateSandboxBody, 'file_systems'>): void {
  if (!isGiven(file_systems)) return;
  throw new ApiError(
    'unsupported',
    'a claim takes a sandbox as the pool has made it, with its file systems',
    {
      hint: 'Name file systems that are only read in the pool, or create a sandbox: `atoll sbx create -f NAME:/PATH`.',
    },
  );
}

function refuseGiven(fields: Record<string, unknown>): void {
  const field = Object.entries(fields).find(([, value]) => isGiven(value))?.[0];
  if (field === undefined) return;
  throw new ApiError('unsupported', `${field} is not supported by this version of the server`, {
    hint: `Leave ${field} out. CHANGELOG.md says what each version supports.`,
  });
}
