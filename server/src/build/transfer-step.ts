import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { LayerToolError, pipeLayers } from '../image/layer-tool.ts';
import type {
  AddStep,
  CopyStep,
  GitSource,
  InlineFile,
  PathSource,
  UrlSource,
  WorkdirStep,
} from './dockerfile/step.ts';
import { StepFailure } from './step-failure.ts';
import type { StepContext, StepPlace } from './step-context.ts';

type TransferStep = CopyStep | AddStep;

/** Files of an origin, as the layer tool is asked for them. */
interface Selection {
  root: string;
  sources: readonly object[];
  exclude: readonly string[];
  keepsParents: boolean;
  ownedByRoot: boolean;
  unpacks: boolean;
}

/** What the files that a COPY or ADD takes are, by their content, and repositories by their commits. */
export async function digestTransfer(context: StepContext, step: TransferStep): Promise<readonly string[]> {
  const digests: string[] = [];
  for (const source of step.sources) {
    if (source.kind === 'git') digests.push(await context.checkouts.commitOf(source));
    if (source.kind === 'url') digests.push(await digestDownload(context, step, source));
  }
  const local = await localSelection(context, step);
  if (local) digests.push(await digestSelection(context, step, local));
  return digests;
}

/** What is named by its checksum need not be fetched to be known. */
async function digestDownload(context: StepContext, step: TransferStep, source: UrlSource): Promise<string> {
  if (source.checksum !== undefined) return source.checksum;
  return digestSelection(context, step, await downloadedSelection(context, step, source));
}

async function digestSelection(
  { tool, signal }: StepContext,
  step: TransferStep,
  { root, ...request }: Selection,
): Promise<string> {
  const digest = await tool({ verb: 'digest', root, request, signal }).catch((error: unknown) =>
    fail(error, step),
  );
  return String(digest);
}

/** Copies files into what the stage has so far. */
export async function carryOutTransfer(
  context: StepContext,
  step: TransferStep,
  place: StepPlace,
): Promise<void> {
  const selections = [
    ...(await selectionsOf(context, step)),
    ...(await inlineSelection(context, step.files)),
  ];
  const { chown, chmod, destination } = step;
  const placement = { destination, ...(chown && { chown }), ...(chmod && { chmod }) };
  await withTarget(context, isDetached(step), place, async (root) => {
    for (const { root: from, ...request } of selections) {
      await pipeLayers(
        context.tool,
        { verb: 'pack', root: from, request, signal: context.signal },
        { verb: 'place', root, request: placement, signal: context.signal },
      );
    }
  }).catch((error: unknown) => fail(error, step));
}

/** Makes the directory of a WORKDIR unless it is there. */
export async function carryOutWorkdir(
  context: StepContext,
  step: WorkdirStep,
  place: StepPlace,
): Promise<void> {
  const { user } = step.config;
  const request = { destination: step.path, makesDirectory: true, ...(user !== '' && { chown: user }) };
  await withTarget(context, false, place, (root) =>
    context.tool({ verb: 'place', root, request, signal: context.signal }),
  ).catch((error: unknown) => fail(error, step));
}

/** A linked copy knows nothing of what is below it, unless names of users have to be looked up there. */
export const isDetached = (step: TransferStep): boolean =>
  step.isLink && (step.chown === undefined || /^[\d:]+$/.test(step.chown));

async function withTarget<T>(
  { workshop, workplace, signal }: StepContext,
  isAlone: boolean,
  { before, disk }: StepPlace,
  use: (root: string) => Promise<T>,
): Promise<T> {
  if (isAlone) return use(join(disk, 'upper'));
  const lowers = await workshop.trees(before.layers, signal);
  return workplace.withMerged(lowers, disk, use);
}

async function selectionsOf(context: StepContext, step: TransferStep): Promise<Selection[]> {
  const selections: Selection[] = [];
  for (const source of step.sources) {
    if (source.kind === 'git') selections.push(await repositorySelection(context, step, source));
    if (source.kind === 'url') selections.push(await downloadedSelection(context, step, source));
  }
  const local = await localSelection(context, step);
  return local ? [...selections, local] : selections;
}

async function localSelection(context: StepContext, step: TransferStep): Promise<Selection | undefined> {
  const paths = step.sources.flatMap((source) => (source.kind === 'path' ? [source] : []));
  if (paths.length === 0) return undefined;
  const from = step.kind === 'copy' ? step.from : ({ kind: 'context' } as const);
  const origin = await context.origins.find(from);
  return {
    root: origin.path,
    sources: paths.map((path) => toSource(path)),
    exclude: step.exclude,
    keepsParents: step.kind === 'copy' && step.keepsParents,
    ownedByRoot: from.kind === 'context',
    unpacks: step.kind === 'add' && step.unpacks !== false,
  };
}

async function repositorySelection(
  context: StepContext,
  step: TransferStep,
  source: GitSource,
): Promise<Selection> {
  const { root, path } = await context.checkouts.fetch(source);
  return {
    root,
    sources: [{ path, text: source.remote, isPattern: false }],
    exclude: step.exclude,
    keepsParents: false,
    ownedByRoot: true,
    unpacks: false,
  };
}

async function downloadedSelection(
  context: StepContext,
  step: TransferStep,
  source: UrlSource,
): Promise<Selection> {
  const { root, path } = await context.downloads.fetch(source);
  return {
    root,
    sources: [{ path, text: source.url, isPattern: false }],
    exclude: step.exclude,
    keepsParents: false,
    ownedByRoot: true,
    // Archives of the context are unpacked, those of the web only when ADD says so.
    unpacks: step.kind === 'add' && step.unpacks === true,
  };
}

const toSource = ({ path, text, isPattern, pivot }: PathSource): object => ({
  path,
  text,
  isPattern,
  ...(pivot !== undefined && { pivot }),
});

/** Files that stand in the Dockerfile become files of a folder, to be copied like any others. */
async function inlineSelection(
  { workplace, sourceDateEpoch }: StepContext,
  files: readonly InlineFile[],
): Promise<Selection[]> {
  if (files.length === 0) return [];
  const root = await workplace.makeDir('inline');
  const sources: object[] = [];
  for (const [index, { name, content }] of files.entries()) {
    const folder = join(root, String(index));
    await mkdir(folder);
    const fileName = posix.basename(name) || 'file';
    const file = join(folder, fileName);
    await writeFile(file, content, { mode: 0o644 });
    if (sourceDateEpoch !== undefined) await utimes(file, sourceDateEpoch, sourceDateEpoch);
    sources.push({ path: `/${index}/${fileName}`, text: name, isPattern: false });
  }
  return [{ root, sources, exclude: [], keepsParents: false, ownedByRoot: true, unpacks: false }];
}

function fail(error: unknown, { instruction }: TransferStep | WorkdirStep): never {
  if (!(error instanceof LayerToolError)) throw error;
  const verb = instruction.toUpperCase();
  if (error.code === 'no_space') {
    throw new StepFailure(`${verb}: the disk of the build is full`, { shortOf: 'disk', cause: error });
  }
  const hint =
    error.code === 'not_found'
      ? 'Paths are relative to the context (or to the stage of --from), and .dockerignore may leave files out.'
      : undefined;
  throw new StepFailure(`${verb} ${error.message}`, { cause: error, ...(hint && { hint }) });
}
