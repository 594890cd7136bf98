import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../server/src/lib/run.ts';
import { installNpmFolder } from './npm-folder.ts';

/** In a folder of its own: two packages that bring a `tl` cannot share one node_modules. */
const packageBinary = join(
  'node_modules',
  'tensorlake',
  'dist',
  'bin',
  `${process.platform}-${process.arch}`,
  'tl',
);
const TIMEOUT_MS = 60_000;

/** How to call the published `tl`; installs it first unless that was done before. */
export async function installTl(): Promise<readonly string[]> {
  const dir = await installNpmFolder('tl');
  const binary = join(dir, packageBinary);
  if (!existsSync(binary))
    throw new Error(`npm tensorlake 0.5.33 holds no tl for ${process.platform}-${process.arch}`);
  return (await starts([binary])) ? [binary] : await withNewerLibraries(dir, binary);
}

const starts = (argv: readonly string[]): Promise<boolean> =>
  run([...argv, '--version'], { timeoutMs: TIMEOUT_MS }).then(
    () => true,
    () => false,
  );

const libraries = ['ld-linux-x86-64.so.2', 'libc.so.6', 'libgcc_s.so.1', 'libm.so.6'];

/** The binary asks for glibc 2.39. On an older host the libraries of the Debian 13 base image load it, unchanged. */
async function withNewerLibraries(dir: string, binary: string): Promise<readonly string[]> {
  const libraryDir = join(dir, 'usr', 'lib', 'x86_64-linux-gnu');
  const loader = join(libraryDir, 'ld-linux-x86-64.so.2');
  const argv = [loader, '--library-path', libraryDir, binary];
  if (!(await starts(argv))) await unpackLibraries(dir, await findLayer());
  return argv;
}

async function unpackLibraries(dir: string, layer: string): Promise<void> {
  const members = libraries.map((name) => `*/x86_64-linux-gnu/${name}`);
  await run(['tar', '-xf', layer, '-z', '-C', dir, '--no-same-owner', '--wildcards', ...members], {
    timeoutMs: TIMEOUT_MS,
  });
}

interface Layout {
  manifests: { digest: string }[];
}
interface Manifest {
  layers: { digest: string }[];
}

/** The lowest layer of the base image that the set-up made. */
async function findLayer(): Promise<string> {
  const cacheDir = process.env['ATOLL_CACHE_DIR'] ?? join(homedir(), '.cache', 'atoll');
  const layout = join(cacheDir, 'images', 'debian-minimal');
  const blobOf = (digest = ''): string => join(layout, 'blobs', digest.replace(':', '/'));
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as Layout; // as our image builder writes it
  const manifest = JSON.parse(await readFile(blobOf(index.manifests[0]?.digest), 'utf8')) as Manifest;
  return blobOf(manifest.layers[0]?.digest);
}
