import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

const images = join(process.env['ATOLL_CACHE_DIR'] ?? join(homedir(), '.cache/atoll'), 'images');

interface Descriptor {
  digest: string;
}

/** The file of the Debian image's one layer, gzipped, and the digest of what is in it. */
export async function debianLayer(): Promise<{ blob: string; diffId: string }> {
  const layout = join(images, 'debian-minimal');
  const read = async <T>(path: string): Promise<T> => JSON.parse(await readFile(path, 'utf8')) as T; // an OCI layout
  const path = ({ digest }: Descriptor): string => join(layout, 'blobs', digest.replace(':', '/'));
  const [entry] = (await read<{ manifests: Descriptor[] }>(join(layout, 'index.json'))).manifests;
  if (entry === undefined) throw new Error(`no image in ${layout}: run make setup`);
  const manifest = await read<{ config: Descriptor; layers: Descriptor[] }>(path(entry));
  const config = await read<{ rootfs: { diff_ids: string[] } }>(path(manifest.config));
  const [layer] = manifest.layers;
  const [diffId] = config.rootfs.diff_ids;
  if (layer === undefined || diffId === undefined) throw new Error(`the image in ${layout} has no layer`);
  return { blob: path(layer), diffId };
}
