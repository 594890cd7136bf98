import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, readlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LayoutWriter, dockerTypes, tarball, writeLayout } from '../fixtures/image-layout.ts';
import type { LayerSource, Member } from '../fixtures/image-layout.ts';
import { named, openStore } from '../fixtures/image-store.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

interface Imported {
  tree: string;
  path: string;
  dataDir: string;
}

/** Imports an image of these layers and returns its file system. */
async function importLayers(...layers: LayerSource[]): Promise<Imported> {
  const dir = await tempDir();
  const dataDir = join(dir, 'data');
  const store = await openStore(dataDir);
  const digest = await writeLayout(join(dir, 'layout'), { layers });
  await store.importLayout(named('image', join(dir, 'layout')));
  const rootfs = await store.acquireRootfs(digest);
  onTestFinished(rootfs.release);
  return { tree: rootfs.layers.at(-1) ?? '', path: rootfs.path, dataDir };
}

const importMembers = (members: Member[]) => importLayers({ tar: tarball(members) });

const xattr = (path: string, name: string): string =>
  execFileSync(
    'python3',
    [
      '-c',
      'import os,sys;print(os.getxattr(sys.argv[1],sys.argv[2],follow_symlinks=False).hex())',
      path,
      name,
    ],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 5000,
    },
  ).trim();

const leftovers = (dataDir: string): string[] =>
  readdirSync(join(dataDir, 'layers')).filter((name) => /^(tmp|jail)-/.test(name));

describe('an unpacked layer has', () => {
  test('owners, modes, times and setuid bits', async () => {
    const { tree } = await importMembers([
      { path: './', kind: 'directory', mode: 0o755 },
      { path: 'd', kind: 'directory', mode: 0o2711, uid: 7, gid: 8, mtime: '1500000000' },
      { path: 'd/f', content: 'x', mode: 0o4755, uid: 1000, gid: 3_000_000, mtime: '1600000000.25' },
    ]);
    expect(lstatSync(join(tree, 'd'))).toMatchObject({
      mode: 0o42711,
      uid: 7,
      gid: 8,
      mtimeMs: 1_500_000_000_000,
    });
    expect(lstatSync(join(tree, 'd/f'))).toMatchObject({
      mode: 0o104755,
      uid: 1000,
      gid: 3_000_000,
      mtimeMs: 1_600_000_000_250,
    });
  });

  test('hard links, symbolic links and fifos, but no devices', async () => {
    const { tree, path } = await importMembers([
      { path: 'a', content: 'x' },
      { path: 'b', kind: 'hardlink', linkPath: 'a' },
      { path: 's', kind: 'symlink', linkPath: '/../etc/passwd' },
      { path: 't', kind: 'hardlink', linkPath: 's' },
      { path: 'null', kind: 'char', devMajor: 1, devMinor: 3, mode: 0o666 },
      { path: 'disk', kind: 'block', devMajor: 259, devMinor: 70_000 },
      { path: 'pipe', kind: 'fifo' },
    ]);
    expect(lstatSync(join(tree, 'a')).ino).toBe(lstatSync(join(tree, 'b')).ino);
    expect(readlinkSync(join(tree, 's'))).toBe('/../etc/passwd');
    expect(readlinkSync(join(tree, 't'))).toBe('/../etc/passwd');
    for (const whiteout of ['null', 'disk']) {
      expect(lstatSync(join(tree, whiteout))).toMatchObject({ rdev: 0, mode: 0o20000 });
      expect(readdirSync(path)).not.toContain(whiteout);
    }
    expect(lstatSync(join(tree, 'pipe')).isFIFO()).toBe(true);
  });

  test('attributes and capabilities, but no orders to the kernel of the host', async () => {
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
    const xattrs = new Map([
      ['user.note', Buffer.from('a\0\n')],
      ['security.capability', capability],
      ['trusted.overlay.opaque', Buffer.from('y')],
    ]);
    const { tree } = await importMembers([{ path: 'f', content: 'x', mode: 0o755, uid: 5, xattrs }]);
    expect(xattr(join(tree, 'f'), 'user.note')).toBe('61000a');
    expect(xattr(join(tree, 'f'), 'security.capability')).toBe(capability.toString('hex'));
    expect(() => xattr(join(tree, 'f'), 'trusted.overlay.opaque')).toThrow('No data');
  });

  test('names of any bytes and any length', async () => {
    const odd = 'tab\tnew\nline \\101 "quote" -rf';
    const utf8 = Buffer.from(`${'ä'.repeat(100)}`).toString('latin1');
    const { tree } = await importMembers([
      { path: odd, content: '1' },
      { path: utf8, content: '2' },
    ]);
    expect(readFileSync(join(tree, odd), 'utf8')).toBe('1');
    expect(readFileSync(join(tree, 'ä'.repeat(100)), 'utf8')).toBe('2');
  });

  test('whiteouts and opaque marks as overlay reads them', async () => {
    const { tree } = await importMembers([
      { path: 'd', kind: 'directory', mode: 0o700, uid: 9 },
      { path: 'd/.wh.gone' },
      { path: 'e', kind: 'directory', mode: 0o711, uid: 9, mtime: '1500000000' },
      { path: 'e/kept' },
      { path: 'e/.wh..wh..opq' },
    ]);
    expect(lstatSync(join(tree, 'd/gone'))).toMatchObject({ rdev: 0 });
    expect(lstatSync(join(tree, 'd/gone')).isCharacterDevice()).toBe(true);
    expect(xattr(join(tree, 'e'), 'trusted.overlay.opaque')).toBe('79');
    expect(lstatSync(join(tree, 'e'))).toMatchObject({ mode: 0o40711, uid: 9, mtimeMs: 1_500_000_000_000 });
  });
});

test('directories that a layer does not list are root’s, with mode 755', async () => {
  const { tree } = await importMembers([{ path: 'a/b/c' }]);
  expect(lstatSync(join(tree, 'a/b'))).toMatchObject({ mode: 0o40755, uid: 0, gid: 0 });
});

test('upper layers hide, replace and add to lower ones', async () => {
  const lower = tarball([
    { path: 'd', kind: 'directory' },
    { path: 'd/gone', content: '1' },
    { path: 'd/kept', content: '1' },
    { path: 'o', kind: 'directory' },
    { path: 'o/hidden' },
    { path: 'r', kind: 'directory' },
    { path: 'r/hidden' },
    { path: 'f', content: 'old' },
  ]);
  const upper = tarball([
    { path: 'd', kind: 'directory' },
    { path: 'd/.wh.gone' },
    { path: 'd/new' },
    { path: 'o', kind: 'directory' },
    { path: 'o/.wh..wh..opq' },
    { path: 'o/new' },
    { path: '.wh.r' },
    { path: 'r/new' },
    { path: 'f', content: 'new' },
  ]);
  const { path } = await importLayers({ tar: lower }, { tar: upper, compression: 'zstd' });
  const names = (dir: string): string[] => readdirSync(join(path, dir)).toSorted();
  expect([names('d'), names('o'), names('r')]).toEqual([['kept', 'new'], ['new'], ['new']]);
  expect(readFileSync(join(path, 'f'), 'utf8')).toBe('new');
});

test('a device of an upper layer hides the file that it replaces', async () => {
  const lower = tarball([{ path: 'f', content: 'old' }, { path: 'kept' }]);
  const upper = tarball([{ path: 'f', kind: 'block', devMajor: 7, devMinor: 0 }]);
  const { path } = await importLayers({ tar: lower }, { tar: upper });
  expect(readdirSync(path)).not.toContain('f');
  expect(readdirSync(path)).toContain('kept');
});

test('a layer with an opaque root hides all layers below it', async () => {
  const lower = tarball([{ path: 'old' }]);
  const { path } = await importLayers(
    { tar: lower },
    { tar: tarball([{ path: '.wh..wh..opq' }, { path: 'new' }]) },
  );
  expect(readdirSync(path)).toEqual(['.atoll', 'new']);
});

test.each(['none', 'gzip', 'zstd'] as const)('layers with compression %s unpack', async (compression) => {
  const content = Buffer.alloc(3_000_000, 'abc');
  const { tree } = await importLayers({ tar: tarball([{ path: 'f', content }]), compression });
  expect(readFileSync(join(tree, 'f')).equals(content)).toBe(true);
});

test('an image of Docker’s media types is imported', async () => {
  const dir = await tempDir();
  const store = await openStore(join(dir, 'data'));
  const mediaType = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
  const layers = [{ tar: tarball([{ path: 'f' }]), mediaType }];
  const digest = await writeLayout(join(dir, 'layout'), { layers, mediaTypes: dockerTypes });
  await store.importLayout(named('image', join(dir, 'layout')));
  const rootfs = await store.acquireRootfs(digest);
  onTestFinished(rootfs.release);
  expect(readdirSync(rootfs.path)).toEqual(['.atoll', 'f']);
});

describe('nothing is left of a layer that', () => {
  const refused = async (layer: LayerSource, message: RegExp | string, change?: (blob: string) => void) => {
    const dir = await tempDir();
    const dataDir = join(dir, 'data');
    const store = await openStore(dataDir);
    const layout = new LayoutWriter(join(dir, 'layout'));
    await layout.index([await layout.image({ layers: [layer] })]);
    if (change) change(join(dir, 'layout'));
    await expect(store.importLayout(named('image', join(dir, 'layout')))).rejects.toThrow(message);
    expect(leftovers(dataDir)).toEqual([]);
    expect(readdirSync(join(dataDir, 'blobs', 'tmp'))).toEqual([]);
    expect(store.lists.page('w1').images).toEqual([]);
  };

  test('is not what its diff id says', async () => {
    await refused(
      { tar: tarball([{ path: 'f' }]), diffId: `sha256:${'0'.repeat(64)}` },
      'instead of sha256:000',
    );
  });

  test('is cut off under a digest of its own', async () => {
    const tar = tarball([{ path: 'f', content: Buffer.alloc(2_000_000, 'x') }]).subarray(0, 1_000_000);
    await refused({ tar }, 'ends in the middle');
  });

  test('has lost its end on disk', async () => {
    const tar = tarball([{ path: 'f', content: Buffer.alloc(10_000) }]);
    await refused({ tar, compression: 'none' }, 'bytes instead of', (layout) => {
      const blobs = join(layout, 'blobs', 'sha256');
      const biggest = readdirSync(blobs).toSorted(
        (a, b) => lstatSync(join(blobs, b)).size - lstatSync(join(blobs, a)).size,
      );
      truncateSync(join(blobs, biggest[0] ?? ''), 5000);
    });
  });

  test('is no archive', async () => {
    await refused({ tar: Buffer.alloc(2048, 'no archive') }, 'malformed');
  });

  test('tar refuses', async () => {
    await refused({ tar: tarball([{ path: 'n'.repeat(300) }]) }, /cannot be unpacked: .*File name too long/);
  });

  test('is hostile after many honest members', async () => {
    const honest = Array.from({ length: 3000 }, (_, n) => ({ path: `f${n}`, content: 'x'.repeat(1000) }));
    await refused({ tar: tarball([...honest, { path: '../escape' }]) }, 'leaves the layer');
  });
});
