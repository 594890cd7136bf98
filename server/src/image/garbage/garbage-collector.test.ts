import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf, ociTypes, tarball, writeLayout } from '../../../../test/fixtures/image-layout.ts';
import { named, openStore } from '../../../../test/fixtures/image-store.ts';
import { imageOf } from '../../../../test/fixtures/registry-client.ts';
import { tempDir } from '../../../../test/fixtures/temp-dir.ts';
import type { ImageStore } from '../image-store.ts';

const at = { workspaceId: 'w1', repository: 'app' };
const HOUR_MS = 3_600_000;

async function openAt(dataDir?: string) {
  const dir = dataDir ?? join(await tempDir(), 'data');
  let now = 1_000_000_000_000;
  const store = await openStore(dir, { canUnpack: false, now: () => now });
  const blobPath = (digest: string) => join(dir, 'blobs', digest.replace(':', '/'));
  return {
    dir,
    store,
    blobPath,
    isHere: (digest: string) => existsSync(blobPath(digest)),
    wait: (ms: number) => {
      now += ms;
    },
  };
}

async function upload({ registry }: ImageStore, bytes: Buffer | string): Promise<void> {
  const { id } = await registry.beginUpload(at);
  await registry.append(at, id, chunks(Buffer.from(bytes)));
  await registry.finishUpload(at, id, digestOf(bytes));
}

async function* chunks(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function push(store: ImageStore, mark: string, tag?: string) {
  const image = imageOf([{ path: mark, content: mark }]);
  await upload(store, image.layer);
  await upload(store, image.config);
  await put(store, image.manifest, tag ?? image.digest);
  return image;
}

const put = ({ registry }: ImageStore, manifest: string, reference: string, type = ociTypes.manifest) =>
  registry.putManifest(at, reference, Buffer.from(manifest), type);

test('a blob stays while its push goes on and goes when it was given up', async () => {
  const { store, isHere, wait } = await openAt();
  await upload(store, 'one');
  wait(10 * 60_000);
  await upload(store, 'two');
  wait(10 * 60_000);
  await store.prune({ olderThanMs: 0 });
  expect([isHere(digestOf('one')), isHere(digestOf('two'))]).toEqual([true, true]);
  wait(HOUR_MS);
  expect(await store.prune({})).toMatchObject({ blobCount: 2, blobBytes: 6 });
  expect([isHere(digestOf('one')), isHere(digestOf('two'))]).toEqual([false, false]);
});

test('removing an image frees what no other image needs', async () => {
  const { store, isHere, wait } = await openAt();
  const image = await push(store, 'first', 'v1');
  const other = await push(store, 'second', 'v2');
  wait(HOUR_MS);
  store.remove('w1', 'app:v1');
  await store.prune({});
  expect([image.digest, image.layerDigest, image.configDigest].map(isHere)).toEqual([false, false, false]);
  expect([other.digest, other.layerDigest, other.configDigest].map(isHere)).toEqual([true, true, true]);
  expect(() => store.resolve('w1', 'app:v1')).toThrow('image not found');
});

test('an image that two names have stays under the other', async () => {
  const { store, isHere, wait } = await openAt();
  const image = await push(store, 'first', 'v1');
  store.tag('w1', 'app:v1', 'copy:v9');
  wait(HOUR_MS);
  store.remove('w1', 'app:v1');
  await store.prune({ olderThanMs: 0 });
  expect(store.resolve('w1', 'copy:v9').manifestDigest).toBe(image.digest);
  expect(isHere(image.layerDigest)).toBe(true);
});

test('what a sandbox runs on stays until it ends', async () => {
  const { store, isHere, wait } = await openAt();
  const image = await push(store, 'first', 'v1');
  const holder = { kind: 'sandbox', id: 's1' };
  store.addReference(image.digest, holder);
  store.remove('w1', 'app:v1');
  wait(HOUR_MS);
  await store.prune({ olderThanMs: 0 });
  expect(isHere(image.layerDigest)).toBe(true);
  store.dropReferences(holder);
  await store.prune({ olderThanMs: 0 });
  expect(isHere(image.layerDigest)).toBe(false);
});

test('an image whose name has moved on stays reachable by id until it is old enough', async () => {
  const { store, isHere, wait } = await openAt();
  const image = await push(store, 'first', 'v1');
  const { id } = store.resolve('w1', 'app:v1');
  wait(10 * HOUR_MS);
  await push(store, 'second', 'v1');
  wait(HOUR_MS);
  await store.prune({});
  await store.prune({ olderThanMs: 2 * HOUR_MS });
  expect(store.resolve('w1', id).manifestDigest).toBe(image.digest);
  expect(await store.prune({ olderThanMs: HOUR_MS / 2 })).toMatchObject({ images: [{ id }] });
  expect(isHere(image.layerDigest)).toBe(false);
});

test('what a build left without a name goes by itself after a week, but for what is used or named', async () => {
  const { store, isHere, wait } = await openAt();
  const { workshop } = store;
  const leave = async (mark: string) => {
    const image = await push(store, mark, mark);
    const id = workshop.registerUnnamed('w1', { base: 'a build' }, image.digest);
    return { image, id };
  };
  const left = await leave('left');
  const used = await leave('used');
  const kept = await leave('kept');
  store.addReference(used.image.digest, { kind: 'sandbox', id: 's1' });
  store.remove('w1', 'app:left');
  store.remove('w1', 'app:used');
  wait(6 * 24 * HOUR_MS);
  await store.prune({});
  expect(isHere(left.image.layerDigest)).toBe(true);
  wait(2 * 24 * HOUR_MS);
  const { images } = await store.prune({});
  expect(images.map(({ id }) => id)).toContain(left.id);
  expect(images.map(({ id }) => id)).not.toContain(used.id);
  expect([left, used, kept].map(({ image }) => isHere(image.layerDigest))).toEqual([false, true, true]);
  expect(store.resolve('w1', 'app:kept').manifestDigest).toBe(kept.image.digest);
  store.dropReferences({ kind: 'sandbox', id: 's1' });
  await store.prune({});
  expect(isHere(used.image.layerDigest)).toBe(false);
});

test('the names of another workspace stay', async () => {
  const { store, isHere, wait } = await openAt();
  const image = await push(store, 'first', 'v1');
  await push(store, 'second', 'v1');
  wait(HOUR_MS);
  expect(await store.prune({ olderThanMs: 0, workspaceId: 'w2' })).toMatchObject({
    images: [],
    blobCount: 0,
  });
  expect(isHere(image.layerDigest)).toBe(true);
});

test('parts of an index and what speaks of an image stay with it', async () => {
  const { store, isHere, wait } = await openAt();
  const child = await push(store, 'child');
  const describe = (manifest: string) => ({
    mediaType: ociTypes.manifest,
    digest: digestOf(manifest),
    size: Buffer.byteLength(manifest),
  });
  const type = 'application/vnd.oci.image.index.v1+json';
  const index = JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: [describe(child.manifest)] });
  await put(store, index, 'v1', type);
  await upload(store, '{}');
  const signature = JSON.stringify({
    schemaVersion: 2,
    mediaType: ociTypes.manifest,
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 },
    layers: [],
    subject: describe(index),
  });
  await put(store, signature, digestOf(signature));
  wait(HOUR_MS);
  await store.prune({ olderThanMs: 0 });
  const all = [digestOf(index), child.digest, child.layerDigest, digestOf(signature), digestOf('{}')];
  expect(all.map(isHere)).toEqual(all.map(() => true));
  store.remove('w1', 'app:v1');
  await store.prune({ olderThanMs: 0 });
  expect(all.map(isHere)).toEqual(all.map(() => false));
});

test('a dry run tells the same and frees nothing', async () => {
  const { store, isHere, wait } = await openAt();
  const image = await push(store, 'first', 'v1');
  await push(store, 'second', 'v1');
  wait(HOUR_MS);
  const shown = await store.prune({ olderThanMs: 0, dryRun: true });
  expect([isHere(image.layerDigest), shown.blobCount]).toEqual([true, 3]);
  expect(await store.prune({ olderThanMs: 0 })).toEqual(shown);
});

test('files without a row go, and a row whose file is in the trash gets it back', async () => {
  const { dir, store, blobPath } = await openAt();
  const image = await push(store, 'first', 'v1');
  await writeFile(blobPath(digestOf('orphan')), 'orphan');
  expect(await store.prune({})).toMatchObject({ blobCount: 1, blobBytes: 6 });
  await store.closeAll();
  await mkdir(join(dir, 'blobs', 'trash'), { recursive: true });
  await rename(blobPath(image.layerDigest), join(dir, 'blobs', 'trash', image.layerDigest.replace(':', '-')));
  await writeFile(join(dir, 'blobs', 'trash', 'sha256-00'), 'x');
  const again = await openAt(dir);
  expect(again.isHere(image.layerDigest)).toBe(true);
  expect(existsSync(join(dir, 'blobs', 'trash', 'sha256-00'))).toBe(false);
});

test('what is pushed beside pruning is whole', async () => {
  const { store, isHere } = await openAt();
  let isPushing = true;
  const prune = async () => {
    while (isPushing) await store.prune({ olderThanMs: 0 });
  };
  const pruning = prune();
  // The same few images again and again, so that one is pushed while another like it is thrown away.
  const pushes = Array.from({ length: 4 }, async (_, lane) => {
    for (let round = 0; round < 12; round++) {
      const image = await push(store, `shared-${round % 3}`, `lane-${lane}`);
      expect([image.digest, image.layerDigest, image.configDigest].map(isHere)).toEqual([true, true, true]);
      store.remove('w1', `app:lane-${lane}`);
    }
  });
  await Promise.all(pushes).finally(() => {
    isPushing = false;
  });
  await pruning;
});

test('an import is safe from pruning', async () => {
  const { dir, store } = await openAt();
  const layouts = await Promise.all(
    [1, 2, 3].map(async (mark) => {
      const layoutDir = join(dir, `layout-${mark}`);
      await writeLayout(layoutDir, { layers: [{ tar: tarball([{ path: `${mark}` }]) }] });
      return layoutDir;
    }),
  );
  const imports = layouts.map((layoutDir, n) => store.importLayout(named(`image-${n}`, layoutDir)));
  for (let n = 0; n < 5; n++) await store.prune({ olderThanMs: 0 });
  await Promise.all(imports);
  expect(await store.prune({ olderThanMs: 0 })).toMatchObject({ blobCount: 0 });
  expect(store.lists.page('w1').images).toHaveLength(3);
  await rm(join(dir, 'layout-1'), { recursive: true });
});

test('an image knows what it shares', async () => {
  const { store } = await openAt();
  const image = await push(store, 'first', 'v1');
  const alone = image.layer.length + image.config.length;
  expect(store.describe('w1', 'app:v1')).toMatchObject({ sizeBytes: alone, uniqueBytes: alone });
  const variant = image.config.replace('"config":{}', '"config":{"User":"other"}');
  await upload(store, variant);
  const manifest = image.manifest
    .replace(image.configDigest, digestOf(variant))
    .replace(`"size":${image.config.length}`, `"size":${variant.length}`);
  await put(store, manifest, 'v2');
  expect(store.describe('w1', 'app:v1')).toMatchObject({
    sizeBytes: alone,
    uniqueBytes: image.config.length,
  });
});
