import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseArchive } from './debian-source.ts';
import { writeLayout } from './oci-layout.ts';

const content = Buffer.alloc(3_000_000, 'a root file system ');
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atoll-layout-test-'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

function write(name: string, tar: Readable, signal = AbortSignal.timeout(5_000)): Promise<void> {
  return writeLayout({
    dir: join(dir, name),
    tar,
    created: new Date('2026-08-01T00:00:00Z'),
    architecture: 'amd64',
    labels: { 'dev.atoll.user': 'tl-user' },
    env: ['PATH=/bin'],
    recipeKey: 'key',
    signal,
  });
}

const pieces = (): Readable => Readable.from([content.subarray(0, 1_000_000), content.subarray(1_000_000)]);
const sha256 = (body: Buffer): string => createHash('sha256').update(body).digest('hex');

async function readJson<T>(...path: string[]): Promise<T> {
  return JSON.parse(await readFile(join(dir, ...path), 'utf8')) as T;
}

interface Digest {
  digest: string;
  size: number;
}

const blob = ({ digest }: Digest): string => join('blobs', 'sha256', digest.slice(7));

it('every descriptor has the digest and size of its blob, and the config the digest of the plain layer', async () => {
  await write('a', pieces());
  const index = await readJson<{ manifests: [Digest] }>('a', 'index.json');
  const manifest = await readJson<{ config: Digest; layers: [Digest] }>('a', blob(index.manifests[0]));
  for (const descriptor of [index.manifests[0], manifest.config, manifest.layers[0]]) {
    const body = await readFile(join(dir, 'a', blob(descriptor)));
    expect({ digest: `sha256:${sha256(body)}`, size: body.length }).toMatchObject({
      digest: descriptor.digest,
      size: descriptor.size,
    });
  }
  const config = await readJson<{ rootfs: { diff_ids: string[] } }>('a', blob(manifest.config));
  expect(config.rootfs.diff_ids).toEqual([`sha256:${sha256(content)}`]);
  expect(gunzipSync(await readFile(join(dir, 'a', blob(manifest.layers[0])))).equals(content)).toBe(true);
});

it('holds nothing but its three blobs', async () => {
  await write('a', pieces());
  expect(await readdir(join(dir, 'a', 'blobs', 'sha256'))).toHaveLength(3);
});

it('the same content gives the same image', async () => {
  await Promise.all([write('a', pieces()), write('b', pieces())]);
  expect(await readJson('a', 'index.json')).toEqual(await readJson('b', 'index.json'));
});

it('an interrupted one has no index, so nobody takes it for complete', async () => {
  const endless = new Readable({ read: () => {} });
  endless.push(content);
  await expect(write('a', endless, AbortSignal.timeout(50))).rejects.toThrow();
  expect(await readdir(join(dir, 'a'))).toEqual(['blobs']);
});

it("finds Debian's archives among the sources of apt, and none on Ubuntu", () => {
  const debian =
    'Google LLC cloud https://x/\nDebian Debian http://m/debian/\nDebian Debian-Security http://m/security\n';
  expect(parseArchive(debian)).toEqual({ main: 'http://m/debian', security: 'http://m/security' });
  expect(parseArchive('Ubuntu Ubuntu http://archive.ubuntu.com/ubuntu/\n')).toEqual({});
});
