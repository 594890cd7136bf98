import { waitAtMost } from '../lib/deadline.ts';
import type { NamedManifest } from '../image/image-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { admitCreate } from './admit.ts';
import type { AdmitOptions } from './admit.ts';
import { explainFailure } from './create.ts';
import type { Directory } from './directory.ts';
import type { Enroll, Start } from './enroll.ts';
import type { Create, Launch } from './pool.ts';
import { provideImage } from './provide-image.ts';
import { startSandbox } from './start.ts';
import { enrollFromCheckpoint } from './start-from-checkpoint.ts';

export interface LauncherOptions extends AdmitOptions {
  directory: Directory;
  enroll: Enroll;
  /** Aborts when the server stops. */
  closing: AbortSignal;
  /** Told when a sandbox runs that exposes ports. */
  announce: (record: SandboxRecord) => void;
}

/** What brings new sandboxes up. */
export function createLauncher(options: LauncherOptions): { launch: Launch; create: Create } {
  const { context, directory, enroll, closing, announce } = options;

  const startFrom =
    (record: SandboxRecord, image: NamedManifest): Start =>
    (signal) =>
      startSandbox(context, record, image, signal);

  const launch: Launch = (workspaceId, request) => {
    closing.throwIfAborted();
    const { record, image, checkpointId } = admitCreate(options, workspaceId, request);
    if (record.name !== undefined) directory.requireFreeName(workspaceId, record.name);
    const buildFirst = (patience: AbortSignal): Promise<Start> =>
      provideImage(context, record, patience).then((built) => startFrom(built.record, built.image));
    const inTransaction = (): void => {
      if (request.env) context.environments.put(record.id, request.env);
      request.inTransaction?.(record);
    };
    const begin = (): Promise<SandboxRecord> =>
      checkpointId === undefined
        ? enroll(record, { provide: image ? () => startFrom(record, image) : buildFirst, inTransaction })
        : enrollFromCheckpoint(context, enroll, checkpointId, record, inTransaction);
    const start = begin();
    if (record.exposedPorts.length > 0) void start.then(announce, () => {});
    return { record, start, isUnbuilt: image === undefined };
  };

  /** The record is there before the first wait; what is asked for has been admitted. */
  const create: Create = async (workspaceId, request, timeoutMs) => {
    const { record, start, isUnbuilt } = launch(workspaceId, request);
    if (isUnbuilt) {
      start.catch(() => {}); // the record says how it ended
      return { kind: 'pending', record };
    }
    const result = await waitAtMost(start, timeoutMs).catch((error: unknown) =>
      explainFailure(context, record, error),
    );
    return result.timedOut ? { kind: 'timeout', record } : { kind: 'running', record: result.value };
  };

  return { launch, create };
}
