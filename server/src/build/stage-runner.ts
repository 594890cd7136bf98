import type { Logger } from './build-report.ts';
import { defaultLayerLimits } from '../image/layer-limits.ts';
import { LayerToolError } from '../image/layer-tool.ts';
import type { BaseImage } from './base-image.ts';
import type { ImageConfig } from './dockerfile/image-config.ts';
import type { ResolvedStage } from './dockerfile/resolve-stage.ts';
import type { RunStep, Step } from './dockerfile/step.ts';
import { carryOutRun, digestMounts } from './run-step.ts';
import { noFiles, stepKey } from './stage-files.ts';
import type { StageFiles, StageLayer } from './stage-files.ts';
import type { StepCache } from './step-cache.ts';
import { StepFailure } from './step-failure.ts';
import type { StepContext, StepPlace } from './step-context.ts';
import { carryOutTransfer, carryOutWorkdir, digestTransfer, isDetached } from './transfer-step.ts';

/** What a stage has come to. */
export interface StageResult {
  files: StageFiles;
  config: ImageConfig;
  history: readonly HistoryEntry[];
  /** When the newest of its files came to be, as the image tells. */
  created: string | undefined;
  hasWorkdir: boolean;
}

export interface HistoryEntry {
  created: string;
  created_by: string;
  empty_layer?: true;
}

/** Where a stage begins. */
export interface StageStart {
  files: StageFiles;
  history: readonly object[];
  created: string | undefined;
  hasWorkdir: boolean;
}

export const scratchStart: StageStart = {
  files: noFiles,
  history: [],
  created: undefined,
  hasWorkdir: false,
};

export const startOf = ({ files, history, created, hasWorkdir }: BaseImage): StageStart => ({
  files,
  history,
  created,
  hasWorkdir,
});

export interface StageRun {
  context: StepContext;
  cache: StepCache;
  /** Holds what the build makes and uses until the image does. */
  leaseId: string;
  noCache: boolean;
  log: Logger;
  now: () => number;
  /** Told which step is being done on what, for who wants to look at it when it fails. */
  onStep: (step: Step, before: StageFiles) => void;
}

type LayerStep = Exclude<Step, { kind: 'config' }>;

/** Carries out the steps of a stage, one after the other. */
export async function runStage(run: StageRun, stage: ResolvedStage, start: StageStart): Promise<StageStart> {
  let { files, created, hasWorkdir } = start;
  const history: object[] = [...start.history];
  for (const step of stage.steps) {
    run.context.signal.throwIfAborted();
    hasWorkdir ||= step.instruction === 'workdir';
    if (step.kind === 'config') {
      history.push({ created: timeOf(run, created), created_by: step.createdBy, empty_layer: true });
      continue;
    }
    const done = await runStep(run, step, files);
    files = done.files;
    created = timeOf(run, new Date(done.createdAt).toISOString());
    history.push({ created, created_by: step.createdBy, ...(!done.layer && { empty_layer: true }) });
  }
  return { files, created, hasWorkdir, history };
}

/** Every time in a reproducible image is the same. Else a config has the time of the last step that made something. */
function timeOf({ context: { sourceDateEpoch } }: StageRun, created: string | undefined): string {
  if (sourceDateEpoch !== undefined) return new Date(sourceDateEpoch * 1000).toISOString();
  return created ?? new Date(0).toISOString();
}

interface DoneStep {
  files: StageFiles;
  layer: StageLayer | undefined;
  createdAt: number;
}

async function runStep(run: StageRun, step: LayerStep, before: StageFiles): Promise<DoneStep> {
  run.onStep(step, before);
  const report = run.log.begin(step);
  try {
    const key = await keyOf(run.context, step, before);
    const known = run.noCache ? undefined : findCached(run, key);
    const done = known ?? (await carryOut(run, step, before, key, report.onLine));
    report.end(known ? 'cached' : 'done', done.layer?.blob.size);
    const layers = done.layer ? [...before.layers, done.layer] : before.layers;
    return { ...done, files: { key, layers } };
  } catch (error) {
    report.end(run.context.signal.aborted ? 'cancelled' : 'failed');
    throw error;
  }
}

/** What a step follows from: what it stands on, what it says, and the content of the files that it reads. */
async function keyOf(context: StepContext, step: LayerStep, before: StageFiles): Promise<string> {
  const { sourceDateEpoch } = context;
  const reads = await digestOf(context, step);
  const isAlone = (step.kind === 'copy' || step.kind === 'add') && isDetached(step);
  return stepKey({ before: isAlone ? 'link' : before.key, step: step.cacheKey, reads, sourceDateEpoch });
}

function digestOf(context: StepContext, step: LayerStep): Promise<readonly string[]> {
  if (step.kind === 'run') return digestMounts(context, step);
  return step.kind === 'workdir' ? Promise.resolve([step.config.user]) : digestTransfer(context, step);
}

function findCached({ context, cache, leaseId }: StageRun, key: string): Omit<DoneStep, 'files'> | undefined {
  const found = cache.find(context.workspaceId, key);
  // In the same turn of the event loop: garbage collection cannot come in between.
  if (found?.layer) context.workshop.lease(leaseId, [found.layer.blob.digest]);
  return found && { layer: found.layer, createdAt: found.createdAt };
}

async function carryOut(
  run: StageRun,
  step: LayerStep,
  before: StageFiles,
  key: string,
  onLine: StepPlace['onLine'],
): Promise<Omit<DoneStep, 'files'>> {
  const { context, cache, leaseId } = run;
  const disk = await context.workplace.makeLayerDir();
  const written: { mountPoints: readonly string[]; idOffset?: number; idCount?: number } = {
    mountPoints: [],
  };
  const tree = `${disk}/upper`;
  const make = async (): Promise<StageLayer | undefined> => {
    await writeFiles(context, step, {
      before,
      disk,
      onLine,
      onMountPoints: (paths, ids) =>
        Object.assign(written, {
          mountPoints: paths,
          ...(ids && { idOffset: ids.hostId, idCount: ids.count }),
        }),
    });
    return exportLayer(context, leaseId, tree, written, onLine);
  };
  // A full disk of the server is the reason of whatever else went wrong, and of what only seems to have gone well.
  const layer = await make().finally(() => context.workplace.requireKept());
  const createdAt = run.now();
  cache.add(context.workspaceId, key, { createdAt, ...(layer && { layer }) });
  return { createdAt, layer: layer && { ...layer, tree } };
}

function writeFiles(context: StepContext, step: LayerStep, place: StepPlace): Promise<void> {
  switch (step.kind) {
    case 'run':
      return carryOutRun(context, step satisfies RunStep, place);
    case 'workdir':
      return carryOutWorkdir(context, step, place);
    case 'copy':
    case 'add':
      return carryOutTransfer(context, step, place);
  }
}

async function exportLayer(
  { workshop, tool, signal, sourceDateEpoch }: StepContext,
  leaseId: string,
  root: string,
  written: object,
  onLine: StepPlace['onLine'],
): Promise<StageLayer | undefined> {
  const request = { latestTime: sourceDateEpoch ?? 0, ...written, ...defaultLayerLimits };
  return workshop.addLayer(
    leaseId,
    async (take) => {
      const outcome = await tool({ verb: 'export', root, request, signal, output: take }).catch(failExport);
      const { entries, warnings } = outcome as { entries: number; warnings: string[] }; // what export reports
      for (const text of warnings) onLine({ stream: 'stderr', text: `warning: ${text}` });
      return entries > 0;
    },
    signal,
  );
}

/** What the tool says of the files of a step is for who wrote the step. */
function failExport(error: unknown): never {
  if (!(error instanceof LayerToolError)) throw error;
  throw new StepFailure(`what the step wrote cannot be a layer: ${error.message}`, { cause: error });
}
