import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import type { CatalogEntry } from '../catalog.ts';
import { openDebian } from '../debian-source.ts';
import { recipeAnnotation, writeLayout } from '../oci-layout.ts';
import { SourceUnavailable, layoutName } from '../recipe.ts';
import type { Recipe, RootfsStream, SourceContext } from '../recipe.ts';
import { openRegistry } from '../registry-source.ts';
import { blaxelBaseImage } from './blaxel-base-image/recipe.ts';
import { blaxelBenchmark } from './blaxel-benchmark/recipe.ts';
import { blaxelChromium } from './blaxel-chromium/recipe.ts';
import { blaxelDockerInSandbox } from './blaxel-docker-in-sandbox/recipe.ts';
import { blaxelJupyterNotebook } from './blaxel-jupyter-notebook/recipe.ts';
import { blaxelJupyterServer } from './blaxel-jupyter-server/recipe.ts';
import { blaxelNode } from './blaxel-node/recipe.ts';
import { blaxelPyApp } from './blaxel-py-app/recipe.ts';
import { blaxelTsApp } from './blaxel-ts-app/recipe.ts';
import { blaxelXfceVnc } from './blaxel-xfce-vnc/recipe.ts';
import { docker } from './docker/recipe.ts';
import type { OnDemandRecipe } from './recipe.ts';
import { ubuntuSystemd } from './ubuntu-systemd/recipe.ts';
import { ubuntuVnc } from './ubuntu-vnc/recipe.ts';

const recipes: readonly OnDemandRecipe[] = [
  ubuntuSystemd,
  docker,
  ubuntuVnc,
  blaxelBaseImage,
  blaxelPyApp,
  blaxelTsApp,
  blaxelNode,
  blaxelChromium,
  blaxelDockerInSandbox,
  blaxelXfceVnc,
  blaxelJupyterNotebook,
  blaxelJupyterServer,
  blaxelBenchmark,
];
const imagesDir = join(import.meta.dirname, '..');
const BUILD_TIMEOUT_MS = 30 * 60_000;

/**
 * Builds the image of one recipe into a folder of the cache, unless it is there, and writes what it is as
 * `entry.json` beside the layout. The caller holds the lock of that folder.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { cache: { type: 'string' }, recipe: { type: 'string' }, attached: { type: 'boolean' } },
  });
  if (values.attached) endWithInput();
  const recipe = recipes.find(({ name }) => name === values.recipe);
  if (values.cache === undefined || recipe === undefined) {
    throw new Error(
      `usage: node images/on-demand/build.ts --cache DIR --recipe ${recipes.map(({ name }) => name).join('|')}`,
    );
  }
  const recipeKey = await keyOf(recipe);
  if (await isBuilt(values.cache, recipeKey)) return;
  await rm(values.cache, { recursive: true, force: true });
  const partial = `${values.cache}.partial`;
  await rm(partial, { recursive: true, force: true });
  const entry = await build(recipe, recipeKey, partial);
  await writeFile(join(partial, 'entry.json'), JSON.stringify(entry), { flush: true });
  await rename(partial, values.cache);
}

/** A digest of everything that the image is made by. */
async function keyOf(recipe: OnDemandRecipe): Promise<string> {
  const hash = createHash('sha256').update(process.arch);
  const folders = [imagesDir, join(imagesDir, 'debian-minimal'), join(imagesDir, 'ubuntu-minimal')];
  const own = [
    import.meta.dirname,
    join(import.meta.dirname, layoutName(ubuntuSystemd)),
    join(import.meta.dirname, layoutName(docker)),
  ];
  for (const folder of new Set([...folders, ...own, join(import.meta.dirname, layoutName(recipe))])) {
    const files = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile());
    for (const name of files.map((file) => file.name).toSorted()) {
      if (name.endsWith('.test.ts') || name.endsWith('.md')) continue;
      hash
        .update(relative(imagesDir, join(folder, name)))
        .update('\0')
        .update(await readFile(join(folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 32);
}

async function isBuilt(cache: string, recipeKey: string): Promise<boolean> {
  try {
    const index = JSON.parse(await readFile(join(cache, 'layout', 'index.json'), 'utf8')) as {
      annotations?: Record<string, string>;
    }; // written by writeLayout
    return index.annotations?.[recipeAnnotation] === recipeKey;
  } catch {
    return false;
  }
}

async function build(recipe: OnDemandRecipe, recipeKey: string, dir: string): Promise<CatalogEntry> {
  const tempDir = join(dir, 'temp');
  const signal = AbortSignal.any([interruptSignal(), AbortSignal.timeout(BUILD_TIMEOUT_MS)]);
  // The scripts beside this file find their recipe by it: sources pass them nothing but the folder.
  process.env['ATOLL_RECIPE'] = layoutName(recipe);
  const opened = await openFirst(recipe, { imagesDir: import.meta.dirname, tempDir, signal });
  await Promise.all([
    opened.rootfs.ended,
    writeLayout({
      dir: join(dir, 'layout'),
      tar: opened.rootfs.tar,
      created: opened.rootfs.created,
      architecture: ociArchitecture(),
      labels: labelsOf(recipe, opened.entry.base),
      ...(recipe.entrypoint && { entrypoint: recipe.entrypoint }),
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'],
      recipeKey,
      signal,
    }),
  ]);
  await rm(tempDir, { recursive: true, force: true });
  return opened.entry;
}

interface Opened {
  rootfs: RootfsStream;
  entry: CatalogEntry;
}

/** From the first source that can be reached. */
async function openFirst(recipe: OnDemandRecipe, context: SourceContext): Promise<Opened> {
  const reasons: string[] = [];
  for (const { base, source, substitutes } of recipe.sources) {
    const { name, packages } = recipe;
    try {
      await rm(context.tempDir, { recursive: true, force: true });
      await mkdir(context.tempDir, { recursive: true });
      const rootfs = await open({ name, base, source, packages }, context);
      const reason = [substitutes?.reason, ...reasons].filter(Boolean).join(': ');
      const standsIn = substitutes && { substitutedFor: substitutes.for, reason };
      return { rootfs, entry: { name, layout: 'layout', base, ...standsIn } };
    } catch (error) {
      if (!(error instanceof SourceUnavailable)) throw error;
      console.error(`${name}: ${error.message}`);
      reasons.push(error.message);
    }
  }
  throw new Error(`${recipe.name}: no source can be reached: ${reasons.join('; ')}`);
}

function open(recipe: Recipe, context: SourceContext): Promise<RootfsStream> {
  const { source } = recipe;
  return source.kind === 'debian'
    ? openDebian(recipe, source, context)
    : openRegistry(recipe, source, ociArchitecture(), context);
}

function labelsOf(recipe: OnDemandRecipe, base: string): Record<string, string> {
  return {
    'dev.atoll.user': 'tl-user',
    'dev.atoll.workdir': '/workspace',
    'dev.atoll.base': base,
    'org.opencontainers.image.title': recipe.name,
    'org.opencontainers.image.base.name': base,
    ...recipe.labels,
  };
}

function ociArchitecture(): string {
  const names: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };
  const name = names[process.arch];
  if (name === undefined) throw new Error(`no image for ${process.arch}: only x64 and arm64`);
  return name;
}

/** A server that dies closes our standard input: nobody waits for the image then. */
function endWithInput(): void {
  process.stdin.once('end', () => process.kill(process.pid, 'SIGTERM')).resume();
}

function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (by: string) => controller.abort(new Error(`interrupted by ${by}`));
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => interrupt(name));
  return controller.signal;
}

// An open input would keep the process.
await main().then(
  () => process.exit(),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
