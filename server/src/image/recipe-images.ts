import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError, reservedWorkspaces } from '@atoll/protocol';
import type { Log } from '../lib/log.ts';
import { startProgram } from '../lib/program.ts';
import { createSemaphore } from '../lib/semaphore.ts';
import { parseCatalogEntry } from './catalog.ts';
import { aliasWorkspace, canonicalName, tryParseReference } from './image-name.ts';
import type { ImageReference } from './image-name.ts';
import type { ImportRequest } from './import-request.ts';
import { createSingleFlight } from '../lib/single-flight.ts';

export interface RecipeImagesOptions {
  /** The folder with the program that builds, and a folder for each recipe. Absent: there are none. */
  recipesDir: string | undefined;
  /** Where layouts are kept, for all servers of the host. */
  cacheDir: string | undefined;
  /** Whether the workspace, the public base images or an id have that name by now. */
  isTaken: (workspaceId: string, ref: string) => boolean;
  importLayout: (request: ImportRequest, signal: AbortSignal) => Promise<unknown>;
  closing: AbortSignal;
  log: Log;
}

export type RecipeImages = ReturnType<typeof createRecipeImages>;

const BUILD_TIMEOUT_MS = 35 * 60_000;
const MAX_STDERR_LENGTH = 16 * 1024;
/** Building is a matter of processors, disk and network. */
const MAX_BUILDS_AT_ONCE = 2;
const MAX_WAITING = 16;

/** Public images that are built when somebody first asks for them: those of `images/on-demand`. */
export function createRecipeImages(options: RecipeImagesOptions) {
  const flights = createSingleFlight<void>();
  const turns = createSemaphore(
    MAX_BUILDS_AT_ONCE,
    MAX_WAITING,
    () => new ApiError('too_busy', 'too many images wait to be built'),
  );

  const isRecipe = (reference: ImageReference): boolean => {
    const { workspace = aliasWorkspace, repository, tag } = reference;
    const folder = folderOf(workspace, repository);
    return (
      options.recipesDir !== undefined &&
      folder !== undefined &&
      tag === 'latest' &&
      existsSync(join(options.recipesDir, folder, 'recipe.ts'))
    );
  };

  const build = async (folder: string, name: string): Promise<void> => {
    const startedAt = Date.now();
    options.log.info({ image: name }, 'building an image on demand');
    const dir = join(options.cacheDir ?? '', folder);
    try {
      const signal = AbortSignal.any([options.closing, AbortSignal.timeout(BUILD_TIMEOUT_MS)]);
      await runBuild({ program: join(options.recipesDir ?? '', 'build.ts'), dir, name, signal });
      const entry = await readFile(join(dir, 'entry.json'), 'utf8');
      await options.importLayout(parseCatalogEntry(dir, JSON.parse(entry)), signal);
      options.log.info({ image: name, tookMs: Date.now() - startedAt }, 'built an image on demand');
    } catch (cause) {
      options.log.error({ err: cause, image: name }, 'an image was not built');
      throw explain(name, cause);
    }
  };

  return {
    /** The image that a reference means and that nobody has built yet. */
    findUnbuilt: (workspaceId: string, ref: string): string | undefined => {
      const reference = tryParseReference(ref);
      if (reference === undefined || !isRecipe(reference) || options.isTaken(workspaceId, ref))
        return undefined;
      return canonicalName(reference.workspace ?? aliasWorkspace, reference.repository, reference.tag);
    },
    /**
     * Builds the image and takes it in. One build serves all who wait; who gives up leaves it to the others, and the
     * next time finds it done. After a failure the next one to ask tries again.
     */
    provide: (name: string, signal: AbortSignal): Promise<void> => {
      const [workspace = '', repository = ''] = name.split('/');
      const folder = folderOf(workspace, repository) ?? repository;
      return flights.join(
        folder,
        () => turns.run(options.closing, () => build(folder, name), workspace),
        signal,
      );
    },
    settled: flights.settled,
  };
}

/**
 * The folder that the recipe of a public image would have: its name, with the workspace before a dash unless that is
 * the usual one. Undefined where it is not public, or would be the folder of another image.
 */
function folderOf(workspace: string, repository: string): string | undefined {
  if (repository.includes('/') || !reservedWorkspaces.some((name) => name === workspace)) return undefined;
  if (workspace !== aliasWorkspace) return `${workspace}-${repository}`;
  const isOfAnother = reservedWorkspaces.some((name) => repository.startsWith(`${name}-`));
  return isOfAnother ? undefined : repository;
}

interface BuildRun {
  program: string;
  dir: string;
  name: string;
  signal: AbortSignal;
}

/**
 * In a process of its own, which ends when its standard input does: with this one. Servers of one host share the cache
 * and take turns by a lock, which ends with its holder; who comes second finds the layout there.
 */
async function runBuild({ program, dir, name, signal }: BuildRun): Promise<void> {
  await mkdir(join(dir, '..'), { recursive: true });
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', program];
  const lock = ['flock', '--no-fork', `${dir}.lock`];
  signal.throwIfAborted();
  const build = startProgram([...lock, ...node, '--attached', '--cache', dir, '--recipe', name], {
    hasInput: true,
    signal,
  });
  let said = '';
  build.stdout.resume();
  build.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-MAX_STDERR_LENGTH);
  });
  const [{ code }] = await Promise.all([build.ended, once(build.stderr, 'close')]);
  if (code !== 0) throw new Error(lastLines(said));
}

const lastLines = (said: string): string => said.trim().split('\n').slice(-5).join('\n');

function explain(name: string, cause: unknown): ApiError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ApiError('start_failed', `the image ${name} could not be built: ${why}`, {
    cause,
    hint: 'It is built when a sandbox asks for it; the next one tries again. The server log has more.',
  });
}
