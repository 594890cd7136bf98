import { mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeCatalog } from './catalog.ts';
import type { CatalogEntry } from './catalog.ts';
import { debianMinimal } from './debian-minimal/recipe.ts';
import { openDebian } from './debian-source.ts';
import { recipeAnnotation, writeLayout } from './oci-layout.ts';
import { SourceUnavailable, layoutName } from './recipe.ts';
import type { Recipe, RootfsStream, SourceContext } from './recipe.ts';
import { openRegistry } from './registry-source.ts';
import { ubuntuMinimal } from './ubuntu-minimal/recipe.ts';

const recipes: readonly Recipe[] = [debianMinimal, ubuntuMinimal];
const imagesDir = import.meta.dirname;
const BUILD_TIMEOUT_MS = 15 * 60_000;

/** Builds what the cache lacks and writes the catalog. The caller holds the lock of the cache. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { cache: { type: 'string' }, key: { type: 'string' } } });
  if (values.cache === undefined || values.key === undefined) {
    throw new Error('usage: node images/build.ts --cache DIR --key RECIPE_KEY');
  }
  const context: BuildContext = {
    cache: values.cache,
    recipeKey: values.key,
    interrupt: interruptSignal(),
  };
  await mkdir(context.cache, { recursive: true });
  await removePartials(context.cache);
  const images: CatalogEntry[] = [];
  for (const recipe of recipes) images.push(await provide(recipe, context, images));
  await writeCatalog(context.cache, { recipeKey: context.recipeKey, images });
  await removeUnlisted(context.cache, images);
}

interface BuildContext {
  cache: string;
  recipeKey: string;
  interrupt: AbortSignal;
}

async function provide(recipe: Recipe, context: BuildContext, done: CatalogEntry[]): Promise<CatalogEntry> {
  const layout = layoutName(recipe);
  try {
    if (!(await isBuilt(join(context.cache, layout), context.recipeKey))) await build(recipe, context);
    return { name: recipe.name, layout, base: recipe.base };
  } catch (error) {
    if (!(error instanceof SourceUnavailable)) throw error;
    return substitute(recipe, done, error);
  }
}

function substitute(recipe: Recipe, done: CatalogEntry[], cause: SourceUnavailable): CatalogEntry {
  const other = done.find((entry) => entry.name === recipe.fallback);
  if (other === undefined) throw cause;
  console.error(`${recipe.name}: ${cause.message}; it resolves to ${other.base}`);
  return {
    name: recipe.name,
    layout: other.layout,
    base: other.base,
    substitutedFor: recipe.base,
    reason: `not available at build time: ${cause.message}`,
  };
}

async function isBuilt(layoutDir: string, recipeKey: string): Promise<boolean> {
  try {
    const index = JSON.parse(await readFile(join(layoutDir, 'index.json'), 'utf8')) as {
      annotations?: Record<string, string>;
    };
    return index.annotations?.[recipeAnnotation] === recipeKey;
  } catch {
    return false;
  }
}

/** Everything grows in a partial folder; a build that dies leaves nothing that a later run would trust. */
async function build(recipe: Recipe, context: BuildContext): Promise<void> {
  const partial = join(context.cache, `.partial-${layoutName(recipe)}`);
  const tempDir = join(partial, 'temp');
  await mkdir(tempDir, { recursive: true });
  const signal = AbortSignal.any([context.interrupt, AbortSignal.timeout(BUILD_TIMEOUT_MS)]);
  const rootfs = await openSource(recipe, { imagesDir, tempDir, signal });
  const layout = join(partial, 'layout');
  await Promise.all([
    rootfs.ended,
    writeLayout({
      dir: layout,
      tar: rootfs.tar,
      created: rootfs.created,
      architecture: ociArchitecture(),
      labels: labelsOf(recipe),
      env: imageEnv,
      recipeKey: context.recipeKey,
      signal,
    }),
  ]);
  await replaceLayout(layout, join(context.cache, layoutName(recipe)));
  await rm(partial, { recursive: true, force: true });
}

function openSource(recipe: Recipe, context: SourceContext): Promise<RootfsStream> {
  const { source } = recipe;
  return source.kind === 'debian'
    ? openDebian(recipe, source, context)
    : openRegistry(recipe, source, ociArchitecture(), context);
}

/** Readers open the layout by name and hold on to what they opened, so the old one is moved away first. */
async function replaceLayout(from: string, to: string): Promise<void> {
  const old = join(to, '..', `.partial-old-${process.pid}`);
  await rename(to, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(from, to);
  await rm(old, { recursive: true, force: true });
}

async function removePartials(cache: string): Promise<void> {
  const names = (await readdir(cache)).filter((name) => name.startsWith('.'));
  await Promise.all(names.map((name) => rm(join(cache, name), { recursive: true, force: true })));
}

async function removeUnlisted(cache: string, images: readonly CatalogEntry[]): Promise<void> {
  const kept = new Set(['catalog.json', ...images.map((image) => image.layout)]);
  const names = (await readdir(cache)).filter((name) => !kept.has(name));
  await Promise.all(names.map((name) => rm(join(cache, name), { recursive: true, force: true })));
}

const imageEnv = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'];

function labelsOf(recipe: Recipe): Record<string, string> {
  return {
    'dev.atoll.user': 'tl-user',
    'dev.atoll.workdir': '/workspace',
    'dev.atoll.base': recipe.base,
    'org.opencontainers.image.title': recipe.name,
    'org.opencontainers.image.base.name': recipe.base,
  };
}

function ociArchitecture(): string {
  const names: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };
  const name = names[process.arch];
  if (name === undefined) throw new Error(`no base image for ${process.arch}: only x64 and arm64`);
  return name;
}

function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => controller.abort(new Error(`interrupted by ${name}`)));
  }
  return controller.signal;
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
