import { defaultImage } from '@atoll/protocol';
import type { NamedManifest } from '../image/image-store.ts';
import { newSandboxId } from '../lib/id.ts';
import { withoutUndefined } from '../lib/without-undefined.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { checkHost, checkLimits, checkMemoryFor } from './admission.ts';
import type { AdmissionSettings } from './admission.ts';
import { memoryOfCheckpoint, requireCheckpoints } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';
import { checkPorts } from './exposure.ts';
import { checkName } from './name.ts';
import { noRules } from './network-rules.ts';
import { checkQuota } from './quota.ts';
import { resolveOrigin } from './origin.ts';
import type { Origin } from './origin.ts';
import { unbuiltDigest } from './provide-image.ts';
import type { SandboxRequest } from './request.ts';
import { admitVolumes } from './volume-use.ts';

export interface AdmitOptions {
  context: SandboxContext;
  admission: AdmissionSettings;
  dataDir: string;
}

/** The record of a new sandbox, not yet written, and its image unless that has to be built first. */
export interface Admitted {
  record: SandboxRecord;
  image: NamedManifest | undefined;
  /** The checkpoint that it goes on from. */
  checkpointId?: string;
}

/** Checks all that a create asks for, and that there is room for it. */
export function admitCreate(
  { context, admission, dataDir }: AdmitOptions,
  workspaceId: string,
  asked: SandboxRequest,
): Admitted {
  if (asked.name !== undefined && asked.acceptsAnyName !== true) checkName(asked.name);
  if (asked.onCrash === 'restore') requireCheckpoints(context);
  const origin = resolveOrigin(context, workspaceId, asked);
  const { request, memory } = origin;
  const limits = checkLimits(request.limits, admission);
  const secretNames = [...new Set(request.secretNames)];
  context.secrets.requireAll(workspaceId, secretNames);
  const volumes = admitVolumes(context, workspaceId, request, memory !== undefined);
  checkQuota(context, admission, workspaceId, { limits });
  checkHost(dataDir, admission);
  if (memory) checkMemoryFor(memoryOfCheckpoint(context, memory.checkpointId, limits), admission);
  const record: SandboxRecord = {
    ...beginning(context, workspaceId),
    ...imageOf(origin),
    ...(memory && { agentDigest: memory.agentDigest }),
    limits,
    network: request.network ?? noRules,
    networkGeneration: 0,
    exposedPorts: checkPorts(request.exposedPorts ?? []),
    allowUnauthenticated: request.allowUnauthenticated ?? false,
    ...withoutUndefined({
      name: request.name,
      timeoutSecs: request.timeoutSecs,
      expiresAt: request.expiresAt,
      idleLimitSecs: request.idleLimitSecs,
      entrypoint: request.entrypoint,
      volumes: volumes.length > 0 ? volumes : undefined,
      onCrash: request.onCrash,
      secretNames: secretNames.length > 0 ? secretNames : undefined,
      originSnapshotId: origin.snapshotId,
      pool: request.pool,
    }),
  };
  return { record, image: origin.image, ...(memory && { checkpointId: memory.checkpointId }) };
}

/** What every new record begins with. */
const beginning = ({ driver, agents, clock }: SandboxContext, workspaceId: string) => ({
  id: newSandboxId(),
  workspaceId,
  state: 'pending' as const,
  operation: 'create' as const,
  incarnation: 1,
  runtime: driver.name,
  agentDigest: agents.current.digest,
  createdAt: clock.now(),
});

const imageOf = ({ image, unbuilt }: Origin) => ({
  image: image?.canonicalName ?? unbuilt ?? defaultImage,
  manifestDigest: image?.manifestDigest ?? unbuiltDigest,
});
