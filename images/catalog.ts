import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One public base image of a cache folder. Servers import what this file lists when they start. */
export interface CatalogEntry {
  name: string;
  /** Folder of the OCI image layout, beside catalog.json. */
  layout: string;
  /** The distribution that is really inside. */
  base: string;
  /** The distribution that the name stands for, where another had to take its place. */
  substitutedFor?: string;
  reason?: string;
}

interface Catalog {
  /** Identity of the recipes that the entries came from. */
  recipeKey: string;
  images: CatalogEntry[];
}

/** Reads the catalog of a cache folder; undefined where there is none that can be read. */
export async function readCatalog(imagesCache: string): Promise<Catalog | undefined> {
  try {
    return JSON.parse(await readFile(join(imagesCache, 'catalog.json'), 'utf8')) as Catalog;
  } catch {
    return undefined;
  }
}

/** Replaces the catalog in one step. */
export async function writeCatalog(imagesCache: string, catalog: Catalog): Promise<void> {
  const temporary = join(imagesCache, '.catalog.json.partial');
  await writeFile(temporary, `${JSON.stringify(catalog, null, 2)}\n`, { flush: true });
  await rename(temporary, join(imagesCache, 'catalog.json'));
}
