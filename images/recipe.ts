import type { Readable } from 'node:stream';

/** What a base image is made of. Each folder beside this file holds one. */
export interface Recipe {
  /** Public name, as clients ask for it. */
  name: string;
  /** The distribution as people know it; `describe` shows it. */
  base: string;
  source: DebianSource | RegistrySource;
  packages: readonly string[];
  /** Name of the recipe to use where this one's source cannot be reached. */
  fallback?: string;
}

/** A root file system made from the Debian archive, without any registry. */
export interface DebianSource {
  kind: 'debian';
  suite: string;
}

/** A root file system pulled from a public registry, then customised. */
export interface RegistrySource {
  kind: 'registry';
  registry: string;
  repository: string;
  tag: string;
}

/**
 * Folder of a recipe and of its layout in the cache: the name without the usual workspace, with another one before a
 * dash (server/src/image/recipe-images.ts looks for it).
 */
export function layoutName({ name }: Pick<Recipe, 'name'>): string {
  return name.replace(/^tensorlake\//, '').replace('/', '-');
}

/** A root file system on its way out of its source. */
export interface RootfsStream {
  tar: Readable;
  /** When its contents last changed. */
  created: Date;
  /** Resolves when the source has ended well; the tar is only good then. */
  ended: Promise<void>;
}

export interface SourceContext {
  imagesDir: string;
  /** For whatever the source needs while it works; removed afterwards. */
  tempDir: string;
  signal: AbortSignal;
}

/** A source that this machine cannot use now: the recipe's fallback takes its place. */
export class SourceUnavailable extends Error {
  override readonly name = 'SourceUnavailable';
}
