import { join } from 'node:path';
import { contained, spawnStream } from './child-stream.ts';
import { SourceUnavailable } from './recipe.ts';
import type { Recipe, RegistrySource, RootfsStream, SourceContext } from './recipe.ts';
import { pullLayer } from './registry-pull.ts';

/** Pulls a distribution's image, installs the recipe's packages in it and streams the result as one tar. */
export async function openRegistry(
  recipe: Recipe,
  source: RegistrySource,
  architecture: string,
  context: SourceContext,
): Promise<RootfsStream> {
  const { layerFile, created } = await pullLayer(source, architecture, context.tempDir, context.signal);
  const rootfs = join(context.tempDir, 'rootfs');
  await installPackages(recipe, layerFile, rootfs, context);
  const tar = spawnStream(
    [
      'tar',
      '--create',
      '--sort=name',
      '--numeric-owner',
      '--xattrs',
      '--xattrs-include=*',
      '--one-file-system',
      `--directory=${rootfs}`,
      '.',
    ],
    { signal: context.signal },
  );
  return { tar: tar.stdout, created, ended: tar.ended };
}

async function installPackages(
  recipe: Recipe,
  layerFile: string,
  rootfs: string,
  { imagesDir, signal }: SourceContext,
): Promise<void> {
  const child = spawnStream(
    [...contained, join(imagesDir, 'install-packages.sh'), layerFile, rootfs, ...recipe.packages],
    { signal },
  );
  child.stdout.pipe(process.stderr, { end: false });
  try {
    await child.ended;
  } catch (cause) {
    signal.throwIfAborted();
    throw new SourceUnavailable(`the packages of ${recipe.base} cannot be installed`, { cause });
  }
}
