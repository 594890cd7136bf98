import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { packContext } from './build-context.ts';

async function folderWith(files: Record<string, string>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-context-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), content);
  }
  return dir;
}

const pack = (dir: string, dockerfileName?: string): Promise<Buffer> =>
  buffer(Readable.from(packContext(dir, dockerfileName === undefined ? {} : { dockerfileName })));

function tar(archive: Buffer, ...args: string[]): string[] {
  const { stdout, stderr, status } = spawnSync('tar', args, { input: archive, encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((line) => line !== '');
}

test('tar reads names, contents, modes and links back', async () => {
  const long = `deep/${'x'.repeat(90)}/${'ä'.repeat(60)}.txt`;
  const dir = await folderWith({ 'run.sh': 'exit 0\n', empty: '', [long]: 'y'.repeat(5000) });
  await chmod(join(dir, 'run.sh'), 0o755);
  await symlink('run.sh', join(dir, 'link'));
  const archive = await pack(dir);
  expect(tar(archive, '-tf', '-', '--quoting-style=literal')).toEqual([
    'deep/',
    `${dirname(long)}/`,
    long,
    'empty',
    'link',
    'run.sh',
  ]);
  expect(tar(archive, '-xOf', '-', long)).toEqual(['y'.repeat(5000)]);
  const listing = tar(archive, '-tvf', '-').join('\n');
  expect(listing).toMatch(/-rwxr-xr-x 0\/0 .* run\.sh/);
  expect(listing).toMatch(/lrwxrwxrwx 0\/0 .* link -> run\.sh/);
});

test('what .dockerignore takes out does not come along, and what it spares does', async () => {
  const dir = await folderWith({
    '.dockerignore': 'node_modules\n*.log\n!keep.log\nbuild/*\n!build/out\n',
    'node_modules/a/index.js': '',
    'a.log': '',
    'keep.log': '',
    'build/tmp/x': '',
    'build/out/y': '',
  });
  expect(tar(await pack(dir), '-tf', '-')).toEqual([
    '.dockerignore',
    'build/',
    'build/out/',
    'build/out/y',
    'keep.log',
  ]);
});

test("a Dockerfile's own list counts before .dockerignore", async () => {
  const dir = await folderWith({
    'a.Dockerfile.dockerignore': '*\n!b',
    '.dockerignore': 'b',
    'a.Dockerfile': '',
    b: '',
  });
  expect(tar(await pack(dir, 'a.Dockerfile'), '-tf', '-')).toEqual(['b']);
});

test('the same files give the same archive', async () => {
  const dir = await folderWith({ b: '1', a: '2', 'c/d': '3' });
  expect((await pack(dir)).equals(await pack(dir))).toBe(true);
});

test('a folder that is missing is an error that names it', async () => {
  await expect(pack('/nonexistent/context')).rejects.toThrow('/nonexistent/context');
});
