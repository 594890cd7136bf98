import type { CheckpointHolder } from '../checkpoint/checkpoint-store.ts';
import { waitAtMost } from '../lib/deadline.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { checkHost } from './admission.ts';
import type { AdmissionSettings } from './admission.ts';
import type { SandboxContext } from './context.ts';
import { copySandbox } from './copy.ts';
import type { Copied } from './copy.ts';
import { explainFailure } from './create.ts';
import type { Directory } from './directory.ts';
import type { Enroll } from './enroll.ts';
import { checkQuota } from './quota.ts';
import { startFromCheckpoint } from './start-from-checkpoint.ts';
import type { CheckpointTemplate } from './start-from-checkpoint.ts';
import { beginSuspend, suspendSandbox } from './suspend.ts';
import { takeCheckpoint } from './take-checkpoint.ts';

export interface CheckpointCallOptions {
  context: SandboxContext;
  dataDir: string;
  admission: AdmissionSettings;
  enroll: Enroll;
  /** Throws where so many starts cannot even wait for their turn. */
  requirePlaces: (count: number, workspaceId: string) => void;
  directory: Directory;
}

/** How far a start came within its caller's patience. */
export interface Started {
  kind: 'running' | 'timeout';
  record: SandboxRecord;
}

/** The part of the sandboxes that writes them to disk and lets them go on from there. */
export function createCheckpointCalls(options: CheckpointCallOptions) {
  const { context, admission, dataDir, enroll, requirePlaces, directory } = options;
  const { log } = context;
  return {
    /** Stops it where it is and writes it to disk; resolves once that is done. */
    suspend: (record: SandboxRecord): Promise<void> => suspendSandbox(context, record, 'disk'),
    /**
     * Begins a suspend and waits for it at most `patienceMs`; answers whether the sandbox was suspended by then. What it
     * comes to is written into the record.
     */
    beginSuspend: async (record: SandboxRecord, patienceMs: number): Promise<boolean> => {
      const done = beginSuspend(context, record, 'disk').done.then(
        () => true,
        (err: unknown) => {
          log.warn({ sandboxId: record.id, err }, 'a sandbox was not suspended');
          return false;
        },
      );
      if (patienceMs === 0) return false;
      const ended = await waitAtMost(done, patienceMs);
      return !ended.timedOut && ended.value;
    },
    /** Live copies with memory and processes; see `copySandbox`. */
    copy: (source: SandboxRecord, asked: { times: number; timeoutMs: number }): Promise<Copied[]> =>
      copySandbox(context, { admission, dataDir, enroll, requirePlaces }, source, asked),
    /** A checkpoint of its memory as it is now, held by `holder` until `releaseCheckpoints`; answers its id. */
    takeCheckpoint: (record: SandboxRecord, holder: CheckpointHolder): Promise<string> =>
      takeCheckpoint(context, record, holder),
    releaseCheckpoints: (holder: CheckpointHolder): void => {
      context.checkpoints.release(holder);
      void context.checkpoints.sweep();
    },
    /** A new sandbox that goes on from a checkpoint, which the caller holds. */
    startFromCheckpoint: async (
      checkpointId: string,
      template: CheckpointTemplate,
      timeoutMs: number,
    ): Promise<Started> => {
      if (template.name !== undefined) directory.requireFreeName(template.workspaceId, template.name);
      checkQuota(context, admission, template.workspaceId, template);
      checkHost(dataDir, admission);
      const { record, started } = startFromCheckpoint(context, enroll, checkpointId, template);
      const result = await waitAtMost(started, timeoutMs).catch((error: unknown) =>
        explainFailure(context, record, error),
      );
      return result.timedOut ? { kind: 'timeout', record } : { kind: 'running', record: result.value };
    },
  };
}
