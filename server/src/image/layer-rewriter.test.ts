import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ApiError } from '@atoll/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tarball } from '../../../test/fixtures/image-layout.ts';
import type { Member } from '../../../test/fixtures/image-layout.ts';
import { defaultLayerLimits } from './layer-limits.ts';
import { LayerRewriter } from './layer-rewriter.ts';
import type { LayerContent } from './layer-rewriter.ts';
import { safeXattrs } from './layer-xattrs.ts';
import type { TarEntry } from './tar-entry.ts';
import { TarReader } from './tar-reader.ts';

async function rewrite(
  archive: Buffer,
  limits = defaultLayerLimits,
): Promise<TarEntry[] & { content: LayerContent }> {
  const rewriter = new LayerRewriter(limits);
  const entries: TarEntry[] = [];
  const reader = new TarReader({ entry: (entry) => void entries.push(entry), data: () => {} });
  await pipeline(Readable.from([archive]), rewriter, async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) reader.write(chunk);
    reader.finish();
  });
  return Object.assign(entries, { content: rewriter.content() });
}

const rewriteMembers = (members: readonly Member[]) => rewrite(tarball(members));
const dir = (path: string): Member => ({ path, kind: 'directory', mode: 0o711 });
const brief = (entries: TarEntry[]) =>
  entries.map(
    ({ path, kind, xattrs }) => `${kind} ${path}${xattrs.has('trusted.overlay.opaque') ? ' opaque' : ''}`,
  );

describe('hostile members end the layer', () => {
  test.each<[string, Member[]]>([
    ['an absolute name', [{ path: '/etc/passwd' }]],
    ['a name that climbs', [{ path: 'a/../../etc/passwd' }]],
    ['".." alone', [{ path: '..' }]],
    ['".." at the end', [{ path: 'a/..' }]],
    ['an empty name', [{ path: '' }]],
    ['a NUL in a name', [{ path: `${'x'.repeat(100)}\0y` }]],
    ['a name longer than Linux allows', [{ path: 'x/'.repeat(2100) }]],
    ['a file through a symlink', [{ path: 'a', kind: 'symlink', linkPath: '/etc' }, { path: 'a/passwd' }]],
    ['a directory through a symlink', [{ path: 'a', kind: 'symlink', linkPath: '..' }, dir('a/b')]],
    [
      'a file deep below a symlink',
      [{ path: './a//b', kind: 'symlink', linkPath: '/' }, { path: 'a/./b/c/d' }],
    ],
    [
      'a whiteout through a symlink',
      [{ path: 'a', kind: 'symlink', linkPath: '/etc' }, { path: 'a/.wh.passwd' }],
    ],
    ['a hard link to an absolute path', [{ path: 'a', kind: 'hardlink', linkPath: '/etc/passwd' }]],
    ['a hard link that climbs', [{ path: 'a', kind: 'hardlink', linkPath: '../passwd' }]],
    ['a hard link to what is not in the layer', [{ path: 'a', kind: 'hardlink', linkPath: 'b' }]],
    [
      'a hard link in the place of the root',
      [
        { path: 's', kind: 'symlink', linkPath: '/etc' },
        { path: '.', kind: 'hardlink', linkPath: 's' },
      ],
    ],
    ['a hard link to a directory', [dir('b'), { path: 'a', kind: 'hardlink', linkPath: 'b' }]],
    [
      'a hard link through a symlink',
      [
        { path: 's', kind: 'symlink', linkPath: '/etc' },
        { path: 'a', kind: 'hardlink', linkPath: 's/passwd' },
      ],
    ],
    [
      'a file through a hard link to a symlink',
      [
        { path: 's', kind: 'symlink', linkPath: '/etc' },
        { path: 'h', kind: 'hardlink', linkPath: 's' },
        { path: 'h/passwd' },
      ],
    ],
    ['a file below a file', [{ path: 'a' }, { path: 'a/b' }]],
    ['a symlink in place of the root', [{ path: './', kind: 'symlink', linkPath: '/' }]],
    ['a whiteout of nothing', [{ path: '.wh.' }]],
    ['a name deeper than 256 directories', [{ path: 'x/'.repeat(257) }]],
    ['a link longer than Linux allows', [{ path: 'a', kind: 'symlink', linkPath: 'x'.repeat(4096) }]],
    ['a device in place of the root', [{ path: '.', kind: 'char' }]],
    ['a whiteout of the parent', [{ path: 'a/.wh...' }]],
  ])('%s', async (_, members) => {
    await expect(rewriteMembers(members)).rejects.toBeInstanceOf(ApiError);
  });
});

test('names lose what does not matter', async () => {
  const entries = await rewriteMembers([dir('./'), dir('./a//'), { path: 'a/./b' }]);
  expect(brief(entries)).toEqual(['directory ./', 'directory a/', 'file a/b']);
});

test('a symlink that a directory replaces no longer counts', async () => {
  const members: Member[] = [{ path: 'a', kind: 'symlink', linkPath: '/' }, dir('a'), { path: 'a/b' }];
  expect(await rewriteMembers(members)).toHaveLength(3);
});

test('symlinks may point anywhere', async () => {
  const [link] = await rewriteMembers([{ path: 'a', kind: 'symlink', linkPath: '/../../etc' }]);
  expect(link?.linkPath).toBe('/../../etc');
});

describe('whiteouts', () => {
  test('become character devices 0:0', async () => {
    const entries = await rewriteMembers([dir('a'), { path: 'a/.wh.gone' }]);
    expect(brief(entries)).toEqual(['directory a/', 'char a/gone']);
    expect(entries.content).toMatchObject({ whiteoutCount: 1, isOpaqueRoot: false });
  });

  test('an opaque mark is set on its directory, with the metadata the directory had', async () => {
    const entries = await rewriteMembers([dir('a'), { path: 'a/x' }, { path: 'a/.wh..wh..opq' }]);
    expect(brief(entries)).toEqual(['directory a/', 'file a/x', 'directory a/ opaque']);
    expect(entries.at(-1)?.mode).toBe(0o711);
  });

  test('an opaque mark may come before its directory, or without it', async () => {
    const entries = await rewriteMembers([{ path: 'a/.wh..wh..opq' }, dir('a'), { path: 'b/.wh..wh..opq' }]);
    expect(brief(entries)).toEqual(['directory a/ opaque', 'directory a/ opaque', 'directory b/ opaque']);
    expect(entries.map(({ mode }) => mode)).toEqual([0o755, 0o711, 0o755]);
  });

  test('an opaque root is reported', async () => {
    expect((await rewriteMembers([{ path: '.wh..wh..opq' }])).content.isOpaqueRoot).toBe(true);
  });

  test('hide nothing of their own layer', async () => {
    const fileFirst = await rewriteMembers([{ path: 'a' }, { path: '.wh.a' }]);
    expect(brief(fileFirst)).toEqual(['file a']);
    const whiteoutFirst = await rewriteMembers([{ path: '.wh.a' }, { path: 'a' }]);
    expect(brief(whiteoutFirst)).toEqual(['char a', 'file a']);
  });

  test('a directory that is also whited out starts empty', async () => {
    const expected = 'directory a/ opaque';
    expect(brief(await rewriteMembers([{ path: '.wh.a' }, dir('a')]))).toContain(expected);
    expect(brief(await rewriteMembers([dir('a'), { path: '.wh.a' }]))).toContain(expected);
    expect(brief(await rewriteMembers([{ path: '.wh.a' }, { path: 'a/b' }]))).toContain(expected);
  });

  test('a directory that only its members name is one', async () => {
    const entries = await rewriteMembers([{ path: 'a/b/c' }, { path: 'a/.wh.b' }]);
    expect(brief(entries)).toEqual(['file a/b/c', 'directory a/b/ opaque']);
  });

  test('book-keeping of AUFS is left out', async () => {
    expect(await rewriteMembers([dir('.wh..wh.plnk'), { path: '.wh..wh.aufs', content: 'x' }])).toHaveLength(
      0,
    );
  });
});

test('only attributes of the image survive', async () => {
  const names = [
    'user.mime',
    'user.overlay.redirect',
    'security.capability',
    'security.selinux',
    'security.ima',
    'trusted.overlay.opaque',
    'trusted.overlay.redirect',
    'system.posix_acl_access',
  ];
  const xattrs = new Map(names.map((name) => [name, Buffer.from('v\n\0w')]));
  const [entry] = await rewriteMembers([{ path: 'a', xattrs }]);
  expect([...(entry?.xattrs.keys() ?? [])]).toEqual([
    'user.mime',
    'security.capability',
    'system.posix_acl_access',
  ]);
  expect(entry?.xattrs.get('user.mime')).toEqual(Buffer.from('v\n\0w'));
});

describe('device nodes', () => {
  const device = { kind: 'block', devMajor: 7, devMinor: 1, mode: 0o666 } as const;
  const whiteouts = (entries: TarEntry[]) =>
    entries.every(({ kind, mode, devMajor, devMinor }) => kind === 'char' && !mode && !devMajor && !devMinor);

  test('are left out, with their names hidden', async () => {
    const entries = await rewriteMembers([
      { path: 'disk', ...device },
      { path: 'null', ...device, kind: 'char' },
      { path: 'again', kind: 'hardlink', linkPath: 'disk' },
    ]);
    expect(brief(entries)).toEqual(['char disk', 'char null', 'char again']);
    expect(whiteouts(entries)).toBe(true);
  });

  test('have nothing below them', async () => {
    await expect(rewriteMembers([{ path: 'a', ...device }, { path: 'a/b' }])).rejects.toThrow('no directory');
  });

  test('are no fifos', async () => {
    expect(brief(await rewriteMembers([{ path: 'a', kind: 'fifo' }]))).toEqual(['fifo a']);
  });
});

describe('the places of the runtime’s own mounts', () => {
  test.each<[string, Member]>([
    ['a file', { path: '.atoll' }],
    ['a symlink', { path: './.atoll/', kind: 'symlink', linkPath: '/etc' }],
    ['a device', { path: '.atoll', kind: 'char' }],
    ['a whiteout', { path: '.wh..atoll' }],
    ['an opaque mark', { path: '.atoll/.wh..wh..opq' }],
    ['another agent', { path: '.atoll/agent', content: 'x' }],
    ['a directory', dir('.atoll/agent')],
    ['a whiteout of the agent', { path: '.atoll/.wh.agent' }],
    ['a whiteout of the identity', { path: '.atoll/.wh.identity' }],
    ['a member of the identity', { path: '.atoll/identity/agent.json' }],
  ])('are not replaced or hidden by %s', async (_, member) => {
    await expect(rewriteMembers([member])).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('which belongs to Atoll'),
      hint: expect.stringContaining('without /.atoll'),
    });
  });

  test('may have other files beside them', async () => {
    const members = [
      dir('.atoll'),
      { path: '.atoll/agents' },
      { path: 'home/.atoll/agent' },
      { path: '.atolls' },
    ];
    expect(await rewriteMembers(members)).toHaveLength(4);
  });
});

describe('bounds', () => {
  const attributes = (count: number, bytes: number) =>
    new Map(Array.from({ length: count }, (_, n) => [`user.${n}`, Buffer.alloc(bytes)]));

  test('on the attributes of directories, which are held in memory', async () => {
    const members = Array.from({ length: 20 }, (_, n) => ({
      ...dir(`d${n}`),
      xattrs: attributes(1, 10_000),
    }));
    const limits = { ...defaultLayerLimits, maxNameBytes: 150_000 };
    await expect(rewrite(tarball(members), limits)).rejects.toThrow('bytes of names');
    const tiny = [{ ...dir('d'), xattrs: attributes(1000, 0) }];
    await expect(rewrite(tarball([...tiny, ...tiny]), limits)).rejects.toThrow('bytes of names');
    const files = members.map(({ path, xattrs }) => ({ path, xattrs }));
    expect(await rewrite(tarball(files), limits)).toHaveLength(20);
  });

  test.each([
    ['the size of one attribute', attributes(1, 65_537), 'larger than 65536 bytes'],
    ['the name of an attribute', new Map([[`user.${'n'.repeat(251)}`, Buffer.alloc(1)]]), '255 bytes'],
    ['how many attributes a file has', attributes(7000, 1), 'more attributes on one file'],
    ['the records of a header', attributes(10_001, 1), 'more than 10000 records'],
  ])('on %s', async (_, xattrs, message) => {
    const refused = rewriteMembers([{ path: 'f', xattrs }]);
    await expect(refused).rejects.toMatchObject({ code: 'limit_exceeded' });
    await expect(refused).rejects.toThrow(message);
  });

  test('on what is kept of an attribute: not the header that it came in', () => {
    const header = Buffer.alloc(100_000);
    const [kept] = safeXattrs(new Map([['user.a', header.subarray(0, 5000)]])).values();
    expect(kept?.buffer).not.toBe(header.buffer);
    expect(kept?.buffer.byteLength).toBe(5000);
  });

  test('on the link that a directory claims to be', async () => {
    const [entry] = await rewriteMembers([{ ...dir('a'), linkPath: 'x'.repeat(500_000) }]);
    expect(entry?.linkPath).toBe('');
  });

  test('on directories that deep names imply', async () => {
    const members = Array.from({ length: 10 }, (_, n) => ({ path: `${n}/${'x/'.repeat(100)}f` }));
    await expect(rewrite(tarball(members), { ...defaultLayerLimits, maxEntries: 500 })).rejects.toThrow(
      'more than 500 members',
    );
  });

  test('on what waits for the end: each mark is passed on when it comes', () => {
    const rewriter = new LayerRewriter(defaultLayerLimits);
    const marks = Array.from({ length: 100 }, (_, n) => ({ path: `${n}/.wh..wh..opq` }));
    rewriter.write(tarball(marks).subarray(0, -1024));
    expect(rewriter.readableLength).toBeGreaterThan(100 * 512);
    rewriter.destroy();
  });

  test('on the members', async () => {
    const archive = tarball(Array.from({ length: 11 }, (_, n) => ({ path: `f${n}` })));
    await expect(rewrite(archive, { ...defaultLayerLimits, maxEntries: 10 })).rejects.toThrow(
      'more than 10 members',
    );
  });

  test('on the size that a member claims', async () => {
    const claim = tarball([{ path: 'a', sizeBytes: 1024 ** 4 }]);
    await expect(rewrite(claim)).rejects.toMatchObject({ code: 'limit_exceeded' });
  });

  test('on bytes after the end of the archive', async () => {
    const archive = Buffer.concat([tarball([{ path: 'a' }]), Buffer.alloc(10_000)]);
    await expect(rewrite(archive, { ...defaultLayerLimits, maxBytes: 8000 })).rejects.toThrow(
      'more than 8000 bytes',
    );
  });

  test('on all names together', async () => {
    const archive = tarball([{ path: 'a'.repeat(60) }, { path: 'b'.repeat(60) }]);
    await expect(rewrite(archive, { ...defaultLayerLimits, maxNameBytes: 100 })).rejects.toThrow(
      'bytes of names',
    );
  });
});

const component = fc.constantFrom('a', 'b', '.', '..', '', '.wh.a', '.wh..wh..opq', 'etc');
const path = fc.array(component, { maxLength: 4 }).map((parts) => parts.join('/'));
const kind = fc.constantFrom<TarEntry['kind']>('file', 'directory', 'symlink', 'hardlink', 'fifo');
const anyMembers = fc.array(fc.record({ path, kind, linkPath: path }), { maxLength: 12 });

test('no stream that comes out names anything outside, or below a link', async () => {
  await fc.assert(
    fc.asyncProperty(anyMembers, async (members) => {
      const written = await rewriteMembers(members).catch(() => []);
      const links = new Set<string>();
      for (const entry of written) {
        const parts = entry.path.split('/').filter((part) => part !== '' && part !== '.');
        expect(entry.path.startsWith('/') || parts.includes('..')).toBe(false);
        const above = parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'));
        expect(above.filter((ancestor) => links.has(ancestor))).toEqual([]);
        if (entry.kind === 'symlink') links.add(parts.join('/'));
        else if (entry.kind !== 'hardlink') links.delete(parts.join('/'));
      }
    }),
    { numRuns: 300 },
  );
});
