import type { Db } from './db.ts';
import type { SandboxChange, SandboxOperation, SandboxRecord } from './sandbox-store.ts';

/** The columns of a change. */
const columnOf = {
  name: 'name',
  state: 'state',
  manifestDigest: 'manifest_digest',
  operation: 'operation',
  slotId: 'slot_id',
  checkpointId: 'checkpoint_id',
  suspendedAt: 'suspended_at',
  onCrash: 'on_crash',
  deactivatedAt: 'deactivated_at',
  endpoint: 'endpoint',
  terminatedAt: 'terminated_at',
  outcome: 'outcome',
  terminationReason: 'termination_reason',
  error: 'error',
  exposedPorts: 'exposed_ports',
  allowUnauthenticated: 'allow_unauthenticated',
  expiresAt: 'expires_at',
  idleLimitSecs: 'idle_limit_secs',
  volumes: 'volumes',
  startStages: 'start_stages',
} as const satisfies Record<keyof SandboxChange, string>;

/** Writes a change, unless the incarnation or the operation is another one by now. */
export function applyChange(
  db: Db,
  record: Pick<SandboxRecord, 'id' | 'incarnation'>,
  during: SandboxOperation | undefined,
  change: SandboxChange,
): boolean {
  const { endpoint, exposedPorts, allowUnauthenticated, volumes, startStages, ...plain } = change;
  const values: [string, string | number | null][] = Object.entries(plain).map(([key, value]) => [
    columnOf[key as keyof typeof columnOf], // keys of SandboxChange
    value ?? null,
  ]);
  if (endpoint) values.push([columnOf.endpoint, JSON.stringify(endpoint)]);
  if (volumes !== undefined) values.push([columnOf.volumes, volumes && JSON.stringify(volumes)]);
  if (startStages) values.push([columnOf.startStages, JSON.stringify(startStages)]);
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
