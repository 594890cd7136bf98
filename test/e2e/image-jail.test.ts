import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unpackCommand } from '@atoll/server/image/unpack';
import { describe, expect, test } from 'vitest';
import { tarball } from '../fixtures/image-layout.ts';
import type { Member } from '../fixtures/image-layout.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

/** Feeds an archive to the jailed tar directly: the second wall has to hold without the first. */
async function unpackUnchecked(members: Member[]) {
  const dir = await tempDir();
  const target = join(dir, 'target');
  for (const name of ['target', 'empty']) mkdirSync(join(dir, name));
  writeFileSync(join(dir, 'outside'), 'untouched');
  const [program, ...args] = unpackCommand(join(dir, 'empty'), target);
  const result = spawnSync(program, args, {
    input: tarball(members),
    timeout: 20_000,
    encoding: 'utf8',
  });
  return { dir, target, ...result };
}

const probe = `/tmp/atoll-escape-${process.pid}`;

describe('without the rewriter, tar still cannot', () => {
  test.each<[string, Member[]]>([
    ['write to an absolute name', [{ path: probe, content: 'x' }]],
    ['climb out', [{ path: `../../../..${probe}`, content: 'x' }]],
    [
      'write through an absolute link',
      [
        { path: 'l', kind: 'symlink', linkPath: '/tmp' },
        { path: `l/${probe.slice(5)}`, content: 'x' },
      ],
    ],
    [
      'write through a climbing link',
      [{ path: 'l', kind: 'symlink', linkPath: '../../../../../../tmp' }, { path: `l/${probe.slice(5)}` }],
    ],
    [
      'write beside its target',
      [
        { path: 'l', kind: 'symlink', linkPath: '..' },
        { path: 'l/outside', content: 'changed' },
      ],
    ],
  ])('%s', async (_, members) => {
    const { dir } = await unpackUnchecked(members);
    expect(existsSync(probe)).toBe(false);
    expect(readFileSync(join(dir, 'outside'), 'utf8')).toBe('untouched');
    expect(readdirSync(dir).toSorted()).toEqual(['empty', 'outside', 'target']);
  });

  test('link to files of the host', async () => {
    const { target, status } = await unpackUnchecked([
      { path: 'h', kind: 'hardlink', linkPath: '/etc/passwd' },
    ]);
    expect(status).not.toBe(0);
    expect(readdirSync(target)).toEqual([]);
  });

  test('write to the programs it is given', async () => {
    const members: Member[] = [
      { path: 'l', kind: 'symlink', linkPath: '/usr/bin' },
      { path: 'l/atoll-escape', content: 'x' },
    ];
    await unpackUnchecked(members);
    expect(existsSync('/usr/bin/atoll-escape')).toBe(false);
  });
});

test('the jail leaves no mount behind and sees its target alone', async () => {
  const { dir, target, status, stderr } = await unpackUnchecked([{ path: 'f', content: 'x' }]);
  expect([status, stderr]).toEqual([0, '']);
  expect(readdirSync(target)).toEqual(['f']);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(dir);
});

test('a target behind a link is unpacked where the link points, not below it', async () => {
  const dir = await tempDir();
  for (const name of ['real', 'empty']) mkdirSync(join(dir, name));
  symlinkSync('real', join(dir, 'target'));
  const [program, ...args] = unpackCommand(join(dir, 'empty'), join(dir, 'target'));
  spawnSync(program, args, { input: tarball([{ path: 'f' }]), timeout: 20_000 });
  expect(readdirSync(join(dir, 'real'))).toEqual(['f']);
});
