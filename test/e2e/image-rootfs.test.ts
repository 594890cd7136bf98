import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ImageStore, Rootfs } from '@atoll/server/image/image-store';
import { tarball, writeLayout } from '../fixtures/image-layout.ts';
import { named, openStore } from '../fixtures/image-store.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const isMounted = (path: string): boolean =>
  readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${path} `);

/** An image of `count` layers: each replaces `top`, the last one removes the file of the first. */
async function importStack(store: ImageStore, dir: string, count: number): Promise<string> {
  const layers = Array.from({ length: count }, (_, n) => {
    const whiteout = n === count - 1 ? [{ path: '.wh.file-0' }] : [];
    return { tar: tarball([{ path: `file-${n}` }, { path: 'top', content: String(n) }, ...whiteout]) };
  });
  const digest = await writeLayout(dir, { layers });
  await store.importLayout(named('stack', dir));
  return digest;
}

async function acquire(store: ImageStore, digest: string): Promise<Rootfs> {
  const rootfs = await store.acquireRootfs(digest);
  onTestFinished(rootfs.release);
  return rootfs;
}

test('an image of 60 layers is mounted whole', async () => {
  const dir = await tempDir();
  const store = await openStore(join(dir, 'data'));
  const { path, layers } = await acquire(store, await importStack(store, join(dir, 'layout'), 60));
  expect(layers).toHaveLength(61);
  expect(readdirSync(path)).toHaveLength(61);
  expect(readdirSync(path)).not.toContain('file-0');
  expect(readFileSync(join(path, 'top'), 'utf8')).toBe('59');
});

test('a rootfs cannot be written to', async () => {
  const dir = await tempDir();
  const store = await openStore(join(dir, 'data'));
  const { path } = await acquire(store, await importStack(store, join(dir, 'layout'), 2));
  expect(() => writeFileSync(join(path, 'top'), 'x')).toThrow('EROFS');
});

test('a rootfs follows no redirects, shares no metadata and opens no devices', async () => {
  const dir = await tempDir();
  const store = await openStore(join(dir, 'data'));
  const { path } = await acquire(store, await importStack(store, join(dir, 'layout'), 2));
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const [mount = '', superblock = ''] = mounts.find((line) => line.includes(` ${path} `))?.split(' - ') ?? [];
  expect(mount.split(' ')[5]?.split(',')).toEqual(expect.arrayContaining(['ro', 'nodev']));
  const options = superblock.split(' ')[2]?.split(',');
  expect(options).toContain('redirect_dir=nofollow');
  // The kernel names options that differ from its defaults, which may be either.
  const isDefault = readFileSync('/sys/module/overlay/parameters/metacopy', 'utf8').trim() === 'Y';
  expect(options?.filter((option) => option.startsWith('metacopy'))).toEqual(
    isDefault ? ['metacopy=off'] : [],
  );
});

test('an image that replaces these places is refused by its digest, and at import', async () => {
  const dir = await tempDir();
  const layers = [{ tar: tarball([{ path: 'f' }]) }, { tar: tarball([{ path: '.wh..atoll' }]) }];
  const digest = await writeLayout(join(dir, 'layout'), { layers });
  const request = named('one', join(dir, 'layout'));
  const store = await openStore(join(dir, 'data'));
  const reason = `image ${digest}: the layer replaces or removes /.atoll, which belongs to Atoll`;
  await expect(store.importLayout(request)).rejects.toThrow(reason);
  expect(store.lists.page('w1').images).toEqual([]);
  const withoutUnpacking = await openStore(join(dir, 'other'), { canUnpack: false });
  await withoutUnpacking.importLayout(request);
  await expect(withoutUnpacking.acquireRootfs(digest)).rejects.toMatchObject({
    code: 'invalid_request',
    message: reason,
    hint: expect.stringContaining('without /.atoll'),
  });
});

test('every rootfs has places for the mounts of the runtime', async () => {
  const dir = await tempDir();
  const store = await openStore(join(dir, 'data'));
  const digest = await writeLayout(join(dir, 'layout'), { layers: [{ tar: tarball([{ path: 'f' }]) }] });
  await store.importLayout(named('one', join(dir, 'layout')));
  const { path } = await acquire(store, digest);
  expect(readdirSync(path).toSorted()).toEqual(['.atoll', 'f']);
  expect(readdirSync(join(path, '.atoll')).toSorted()).toEqual(['agent', 'identity', 'mounts']);
});

test('an image without layers has these places alone', async () => {
  const dir = await tempDir();
  const store = await openStore(join(dir, 'data'));
  const digest = await writeLayout(join(dir, 'layout'), { layers: [] });
  await store.importLayout(named('scratch', join(dir, 'layout')));
  expect(readdirSync((await acquire(store, digest)).path)).toEqual(['.atoll']);
});

test('sandboxes share one mount, and the last to go does not end it for the next', async () => {
  const dir = await tempDir();
  const store = await openStore(join(dir, 'data'));
  const digest = await importStack(store, join(dir, 'layout'), 2);
  const all = await Promise.all(Array.from({ length: 10 }, () => acquire(store, digest)));
  expect(new Set(all.map(({ path }) => path)).size).toBe(1);
  await Promise.all(all.map(({ release }) => release()));
  expect(isMounted(all[0]?.path ?? '')).toBe(true);
  await store.closeAll();
  expect(isMounted(all[0]?.path ?? '')).toBe(false);
});

test('a mount that is held survives closing, and releasing twice counts once', async () => {
  const dir = await tempDir();
  const store = await openStore(join(dir, 'data'));
  const digest = await importStack(store, join(dir, 'layout'), 2);
  const kept = await acquire(store, digest);
  const other = await acquire(store, digest);
  await other.release();
  await other.release();
  await store.closeAll();
  expect(isMounted(kept.path)).toBe(true);
});

test('a later process takes over mounts in use and removes the others', async () => {
  const dir = await tempDir();
  const dataDir = join(dir, 'data');
  const earlier = await openStore(dataDir);
  const used = await acquire(earlier, await importStack(earlier, join(dir, 'used'), 2));
  const unused = await acquire(earlier, await importStack(earlier, join(dir, 'unused'), 3));
  const later = await openStore(dataDir);
  await later.reconcileMounts([used.path]);
  expect([isMounted(used.path), isMounted(unused.path)]).toEqual([true, false]);
  expect(readFileSync(join(used.path, 'top'), 'utf8')).toBe('1');
});

test('whiteouts of the lowest layer are not seen', async () => {
  const dir = await tempDir();
  const store = await openStore(join(dir, 'data'));
  const layers = [{ tar: tarball([{ path: 'x' }, { path: '.wh.gone' }]) }];
  const digest = await writeLayout(join(dir, 'layout'), { layers });
  await store.importLayout(named('one', join(dir, 'layout')));
  expect(readdirSync((await acquire(store, digest)).path).toSorted()).toEqual(['.atoll', 'x']);
});

test('a data directory behind a link has its mounts found', async () => {
  const dir = await tempDir();
  mkdirSync(join(dir, 'real'));
  symlinkSync('real', join(dir, 'link'));
  const store = await openStore(join(dir, 'link', 'data'));
  const digest = await importStack(store, join(dir, 'layout'), 2);
  const { path } = await acquire(store, digest);
  await acquire(store, digest);
  expect(readFileSync('/proc/self/mountinfo', 'utf8').split(` ${path} `)).toHaveLength(2);
});

test('data directories with odd names work', async () => {
  const dir = await tempDir();
  const store = await openStore(join(dir, 'a b,c:d\\e=f'));
  const { path } = await acquire(store, await importStack(store, join(dir, 'layout'), 3));
  expect(readFileSync(join(path, 'top'), 'utf8')).toBe('2');
});
