import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { digestOf, tarball, writeLayout } from '../../../test/fixtures/image-layout.ts';
import type { Member } from '../../../test/fixtures/image-layout.ts';
import { named, openStore } from '../../../test/fixtures/image-store.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import type { DerivedImage, ImageStore } from './image-store.ts';

const holder = { kind: 'snapshot', id: 's1' };
const signal = AbortSignal.timeout(10_000);

/** A store with one image, and a way to add layers to it. */
async function storeWithBase(source: object = {}) {
  const dir = await tempDir();
  const dataDir = join(dir, 'data');
  const store = await openStore(dataDir, { canUnpack: false });
  const layers = [{ tar: tarball([{ path: 'base' }]) }];
  const settings = { Env: ['A=1'], User: 'tl-user' };
  await writeLayout(join(dir, 'layout'), { layers, settings, ...source });
  const { digest } = await store.importLayout(named('app', join(dir, 'layout')));
  const add = (members: readonly Member[], createdAt = 0, keep = keepFor(store)): Promise<DerivedImage> => {
    const tar = Readable.from([tarball(members)]);
    return store.addLayer({ baseDigest: digest, tar, createdAt, createdBy: 'a test' }, keep, signal);
  };
  const json = async (of: string): Promise<Record<string, unknown>> =>
    JSON.parse(await readFile(join(dataDir, 'blobs', of.replace(':', '/')), 'utf8')) as Record<
      string,
      unknown
    >;
  return { dataDir, store, digest, add, json };
}

const keepFor =
  (store: ImageStore) =>
  ({ manifestDigest }: DerivedImage): void =>
    store.addReference(manifestDigest, holder);

test('an image with one more layer keeps the configuration of its base', async () => {
  const { store, add, digest, json } = await storeWithBase();
  const { manifestDigest, layer } = await add([{ path: 'new', content: 'x' }]);
  expect(store.resolveManifest(manifestDigest)).toMatchObject({ env: { A: '1' }, runtimeUser: 'tl-user' });
  const manifest = await json(manifestDigest);
  const before = await json(digest);
  expect(manifest['layers']).toEqual([
    ...(before['layers'] as object[]),
    { mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd', digest: layer.digest, size: layer.sizeBytes },
  ]);
  const config = await json((manifest['config'] as { digest: string }).digest);
  expect(config['rootfs']).toMatchObject({ diff_ids: [expect.any(String), layer.diffId] });
  expect(config['history']).toMatchObject([{ created_by: 'a test', created: '1970-01-01T00:00:00.000Z' }]);
});

test('the layers of a Docker image go by the names of OCI', async () => {
  const docker = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
  const { add, json } = await storeWithBase({
    layers: [{ tar: tarball([{ path: 'base' }]), compression: 'gzip', mediaType: docker }],
  });
  const { layers } = await json((await add([])).manifestDigest);
  expect(layers).toMatchObject([
    { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' },
    { mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' },
  ]);
});

test('the same upper directory at the same time is the same image', async () => {
  const { add } = await storeWithBase();
  const members = [{ path: 'new', content: 'x' }];
  expect(await add(members)).toEqual(await add(members));
  expect((await add(members, 1000)).manifestDigest).not.toBe((await add(members)).manifestDigest);
});

test('an image that nobody keeps in the end is garbage, also beside one that is kept', async () => {
  const { store, add } = await storeWithBase();
  const kept = await add([{ path: 'kept' }]);
  const lost = await add([{ path: 'lost' }], 1, () => {});
  await store.prune({});
  expect(store.resolveManifest(kept.manifestDigest)).toBeDefined();
  expect(() => store.resolveManifest(lost.manifestDigest)).toThrow('image not found');
  store.dropReferences(holder);
  await store.prune({});
  expect(() => store.resolveManifest(kept.manifestDigest)).toThrow('image not found');
});

test('a stream that breaks leaves nothing', async () => {
  const { store, dataDir, digest } = await storeWithBase();
  const before = await readdir(join(dataDir, 'blobs', 'sha256'));
  const tar = Readable.from([tarball([{ path: 'a', content: 'x'.repeat(5000) }]).subarray(0, 2000)]);
  const upper = { baseDigest: digest, tar, createdAt: 0, createdBy: 'a test' };
  await expect(store.addLayer(upper, () => {}, signal)).rejects.toThrow('ends in the middle');
  expect(await readdir(join(dataDir, 'blobs', 'sha256'))).toEqual(before);
  expect(await readdir(join(dataDir, 'blobs', 'tmp'))).toEqual([]);
});

test('a manifest that gets a name is an image of the workspace and of its registry', async () => {
  const { store, add } = await storeWithBase();
  const { manifestDigest, layer } = await add([{ path: 'new' }]);
  const at = { workspaceId: 'w1', repository: 'from-snapshot' };
  const image = store.registerManifest(
    { ...at, tag: 'latest', isPublic: false, base: 'app' },
    manifestDigest,
  );
  expect(image).toMatchObject({ name: 'from-snapshot', digest: manifestDigest, layerCount: 2, base: 'app' });
  expect(store.resolve('w1', 'from-snapshot').manifestDigest).toBe(manifestDigest);
  const { bytes } = await store.registry.readManifest(at, 'latest');
  expect(digestOf(bytes)).toBe(manifestDigest);
  expect(store.registry.findBlob(at, layer.digest)?.sizeBytes).toBe(layer.sizeBytes);
});
