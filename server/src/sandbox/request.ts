import type { ResourceLimits } from '../runtime/driver.ts';
import type { SnapshotKind } from '../snapshot/snapshot-records.ts';
import type { VolumeMountRequest } from '../volume/sandbox-volumes.ts';
import type { NetworkRules, OnCrash, PoolMembership, SandboxRecord } from '../store/sandbox-store.ts';

/** What a create asks for, in the domain's words. Absent means the usual. */
export interface SandboxRequest {
  image?: string;
  /** Start from what a sandbox was when this snapshot was taken. */
  snapshotId?: string;
  /** With all that it holds where absent; else, of one of memory, with its files alone. */
  snapshotPart?: SnapshotKind;
  name?: string;
  limits: Partial<ResourceLimits>;
  timeoutSecs?: number;
  entrypoint?: string[];
  secretNames?: string[];
  volumes?: readonly VolumeMountRequest[];
  /** Absent: no rules. */
  network?: NetworkRules;
  /** The pool that it is made for. */
  pool?: PoolMembership;
  onCrash?: OnCrash;
  exposedPorts?: readonly number[];
  allowUnauthenticated?: boolean;
  /** The dialect has checked the name by a grammar of its own. */
  acceptsAnyName?: boolean;
  /** Variables of its processes, beside those of the image and the secrets. */
  env?: Readonly<Record<string, string>>;
  /** When it ends, whatever it does then. */
  expiresAt?: number;
  /** After how long without use it ends, asleep or not. */
  idleLimitSecs?: number;
  /** What is written with the record, or not at all. */
  inTransaction?: (record: SandboxRecord) => void;
}

/** How far a create came within its caller's patience; `pending` is not waited for, because its image is built first. */
export interface Created {
  kind: 'running' | 'timeout' | 'pending';
  record: SandboxRecord;
}
