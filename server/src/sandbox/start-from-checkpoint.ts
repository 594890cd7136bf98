import { COPY_HOLDER } from '../checkpoint/checkpoint-store.ts';
import { newSandboxId } from '../lib/id.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { requireCheckpoints } from './checkpoint.ts';
import type { Enroll } from './enroll.ts';
import { restoreSandbox } from './restore.ts';

/**
 * What a sandbox that goes on from a checkpoint has in common with the one that it was taken of; its memory fixes size,
 * image and agent.
 */
export type CheckpointTemplate = Pick<
  SandboxRecord,
  | 'workspaceId'
  | 'image'
  | 'manifestDigest'
  | 'agentDigest'
  | 'limits'
  | 'network'
  | 'exposedPorts'
  | 'allowUnauthenticated'
  | 'name'
  | 'timeoutSecs'
  | 'entrypoint'
  | 'secretNames'
  | 'volumes'
  | 'onCrash'
  | 'originSandboxId'
  | 'originSnapshotId'
>;

/** The record of a new sandbox, and the start that it is about. */
export interface Begun {
  record: SandboxRecord;
  started: Promise<SandboxRecord>;
}

/** What a copy takes over of its source: all but the name, which is its own. */
export function templateOf(source: SandboxRecord): CheckpointTemplate {
  const { timeoutSecs, entrypoint, secretNames, volumes, onCrash } = source;
  return {
    workspaceId: source.workspaceId,
    image: source.image,
    manifestDigest: source.manifestDigest,
    agentDigest: source.agentDigest,
    limits: source.limits,
    network: source.network,
    exposedPorts: source.exposedPorts,
    allowUnauthenticated: source.allowUnauthenticated,
    originSandboxId: source.id,
    ...(timeoutSecs !== undefined && { timeoutSecs }),
    ...(entrypoint !== undefined && { entrypoint }),
    ...(secretNames !== undefined && { secretNames }),
    ...(volumes !== undefined && { volumes }),
    ...(onCrash !== undefined && { onCrash }),
  };
}

/**
 * Begins a new sandbox that goes on from what a checkpoint holds. Secrets that were removed since are no reason to refuse
 * it: its processes run already. Whoever calls holds the checkpoint; the start holds it
 * as well until it has ended.
 */
export function startFromCheckpoint(
  context: SandboxContext,
  enroll: Enroll,
  checkpointId: string,
  template: CheckpointTemplate,
): Begun {
  const { workspaceId, secretNames } = template;
  const record: SandboxRecord = {
    ...template,
    ...(secretNames && { secretNames: context.secrets.existing(workspaceId, secretNames) }),
    id: newSandboxId(),
    state: 'pending',
    operation: 'create',
    incarnation: 1,
    networkGeneration: 0,
    runtime: context.driver.name,
    createdAt: context.clock.now(),
  };
  return { record, started: enrollFromCheckpoint(context, enroll, checkpointId, record) };
}

/** Begins the sandbox of a new record, as above; `inTransaction` writes what belongs to the record. */
export function enrollFromCheckpoint(
  context: SandboxContext,
  enroll: Enroll,
  checkpointId: string,
  record: SandboxRecord,
  inTransaction: () => void = () => {},
): Promise<SandboxRecord> {
  requireCheckpoints(context);
  const holder = { kind: COPY_HOLDER, id: record.id };
  const source = { checkpointId, isCopy: true, operation: 'create' } as const;
  const started = enroll(record, {
    inTransaction: () => {
      context.checkpoints.hold(checkpointId, holder);
      if (record.originSandboxId !== undefined) context.environments.copy(record.originSandboxId, record.id);
      inTransaction();
    },
    provide: () => (signal) => restoreSandbox(context, record, source, signal),
  });
  const letGo = (): void => {
    context.checkpoints.release(holder);
    void context.checkpoints.sweep();
  };
  started.then(letGo, letGo);
  return started;
}
