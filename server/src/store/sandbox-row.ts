import type { SlotEndpoint } from '../runtime/driver.ts';
import type { Db } from './db.ts';
import type { VolumeMount } from './volume-mount.ts';
import type {
  OnCrash,
  PoolMembership,
  SandboxOperation,
  SandboxRecord,
  SandboxState,
  StartStage,
} from './sandbox-store.ts';

/** A row of the `sandboxes` table. */
export interface SandboxRow {
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
  expires_at: number | null;
  idle_limit_secs: number | null;
  entrypoint: string | null;
  secret_names: string | null;
  volumes: string | null;
  pool_id: string | null;
  pool_generation: number | null;
  warm: number;
  internet: number;
  exposed_ports: string;
  allow_unauthenticated: number;
  allow_out: string;
  deny_out: string;
  network_generation: number;
  checkpoint_id: string | null;
  suspended_at: number | null;
  origin_sandbox_id: string | null;
  origin_snapshot_id: string | null;
  created_at: number;
  on_crash: OnCrash | null;
  deactivated_at: number | null;
  terminated_at: number | null;
  outcome: string | null;
  termination_reason: string | null;
  error: string | null;
  start_stages: string | null;
}

/** Writes a new record. */
export function insertSandbox(db: Db, record: SandboxRecord): void {
  db.run(
    `INSERT INTO sandboxes (id, workspace_id, name, state, operation, incarnation, runtime, image, manifest_digest, agent_digest,
       cpus, memory_mb, disk_mb, timeout_secs, entrypoint, secret_names, pool_id, pool_generation, warm,
       internet, allow_out, deny_out, network_generation, origin_snapshot_id, created_at, exposed_ports,
       allow_unauthenticated, origin_sandbox_id, expires_at, idle_limit_secs, volumes, on_crash)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
    record.pool?.id ?? null,
    record.pool?.generation ?? null,
    record.pool?.isWarm ? 1 : 0,
    record.network.internet ? 1 : 0,
    JSON.stringify(record.network.allowOut),
    JSON.stringify(record.network.denyOut),
    record.networkGeneration,
    record.originSnapshotId ?? null,
    record.createdAt,
    JSON.stringify(record.exposedPorts),
    record.allowUnauthenticated ? 1 : 0,
    record.originSandboxId ?? null,
    record.expiresAt ?? null,
    record.idleLimitSecs ?? null,
    record.volumes ? JSON.stringify(record.volumes) : null,
    record.onCrash ?? null,
  );
}

/** A row as the record that it holds. */
export function toRecord(row: SandboxRow): SandboxRecord {
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
    ...present('pool', poolOf(row)),
    ...present('slotId', row.slot_id),
    ...present('checkpointId', row.checkpoint_id),
    ...present('suspendedAt', row.suspended_at),
    ...present('deactivatedAt', row.deactivated_at),
    ...present('originSandboxId', row.origin_sandbox_id),
    ...present('timeoutSecs', row.timeout_secs),
    ...present('expiresAt', row.expires_at),
    ...present('idleLimitSecs', row.idle_limit_secs),
    ...present('originSnapshotId', row.origin_snapshot_id),
    ...present('onCrash', row.on_crash),
    ...present('terminatedAt', row.terminated_at),
    ...present('outcome', row.outcome),
    ...present('terminationReason', row.termination_reason),
    ...present('error', row.error),
    // Written by this module alone, so their shape is known.
    ...present('endpoint', row.endpoint === null ? null : (JSON.parse(row.endpoint) as SlotEndpoint)),
    ...present('entrypoint', row.entrypoint === null ? null : (JSON.parse(row.entrypoint) as string[])),
    ...present(
      'startStages',
      row.start_stages === null ? null : (JSON.parse(row.start_stages) as StartStage[]),
    ),
    ...present('volumes', row.volumes === null ? null : (JSON.parse(row.volumes) as VolumeMount[])),
    ...present('secretNames', row.secret_names === null ? null : (JSON.parse(row.secret_names) as string[])),
  };
}

/** A column as an optional field: NULL is absent. */
function present<K extends string, V>(key: K, value: V | null): { [P in K]?: V } {
  return value === null ? {} : ({ [key]: value } as { [P in K]?: V }); // computed keys widen to string
}

const poolOf = ({ pool_id: id, pool_generation: generation, warm }: SandboxRow): PoolMembership | null =>
  id === null || generation === null ? null : { id, generation, isWarm: warm === 1 };
