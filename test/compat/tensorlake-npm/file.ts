import { randomBytes } from 'node:crypto';
import type { Sandbox } from 'tensorlake';
import { expect, test } from 'vitest';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

export function testFiles(sandbox: () => Sandbox): void {
  const shell = async (script: string): Promise<string> =>
    (await sandbox().run('bash', { args: ['-c', script] })).stdout;
  const read = async (path: string): Promise<string> =>
    Buffer.from(await sandbox().readFile(path)).toString();

  test('twenty megabytes of random bytes come back equal', async () => {
    const bytes = randomBytes(20 * 1024 * 1024);
    await sandbox().writeFile('/tmp/big.bin', bytes);
    const back = await sandbox().readFile('/tmp/big.bin');
    expect(Buffer.compare(Buffer.from(back), bytes)).toBe(0);
    expect(await shell('stat -c %s /tmp/big.bin')).toBe(`${bytes.length}`);
  });

  test('names may have spaces, unicode, plus, percent and ampersand', async () => {
    const names = ['a b.txt', 'žluť 🐎', 'a+b', '100%25', 'x&y=z?#', 'quote\'"', ' leading'];
    for (const name of names) await sandbox().writeFile(`/tmp/names/${name}`, encode(name));
    const back = await Promise.all(names.map((name) => read(`/tmp/names/${name}`)));
    const { entries } = await sandbox().listDirectory('/tmp/names');
    expect(back).toEqual(names);
    expect(entries.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
  });

  test('a write makes the folders above, overwrites, and belongs to the sandbox user', async () => {
    await sandbox().writeFile('/tmp/deep/er/file', encode('first, and longer'));
    await sandbox().writeFile('/tmp/deep/er/file', encode('second'));
    expect(await read('/tmp/deep/er/file')).toBe('second');
    expect(await shell('stat -c %U /tmp/deep/er/file /tmp/deep')).toBe('tl-user\ntl-user');
  });

  test('empty files are files', async () => {
    await sandbox().writeFile('/tmp/empty', new Uint8Array());
    expect(await read('/tmp/empty')).toBe('');
  });

  test('a list has directories first, then files, by name, with sizes and times', async () => {
    await shell('mkdir -p /tmp/list/{z-dir,b-dir}; printf 12345 > /tmp/list/a-file; touch /tmp/list/c-file');
    const { path, entries } = await sandbox().listDirectory('/tmp/list');
    expect(path).toBe('/tmp/list');
    expect(entries.map(({ name, isDir, size }) => [name, isDir, size])).toEqual([
      ['b-dir', true, undefined],
      ['z-dir', true, undefined],
      ['a-file', false, 5],
      ['c-file', false, 0],
    ]);
    expect(Math.abs(Date.now() - (entries[2]?.modifiedAt?.getTime() ?? 0))).toBeLessThan(120_000);
  });

  test('a deleted file is gone', async () => {
    await sandbox().writeFile('/tmp/goes', encode('x'));
    await sandbox().deleteFile('/tmp/goes');
    await expect(sandbox().readFile('/tmp/goes')).rejects.toMatchObject({ statusCode: 404 });
    await expect(sandbox().deleteFile('/tmp/goes')).rejects.toMatchObject({ statusCode: 404 });
  });

  test.each([
    ['a missing file', () => sandbox().readFile('/no/such'), 404, 'NOT_FOUND'],
    ['a directory read as a file', () => sandbox().readFile('/tmp'), 400, 'IS_DIRECTORY'],
    ['a file listed as a directory', () => sandbox().listDirectory('/etc/passwd'), 400, 'NOT_A_DIRECTORY'],
    ['a missing directory', () => sandbox().listDirectory('/no/such'), 404, 'NOT_FOUND'],
    ['a path that climbs', () => sandbox().readFile('/tmp/../etc/shadow'), 403, 'PATH_TRAVERSAL'],
    ['a write that climbs', () => sandbox().writeFile('/tmp/../x', encode('')), 403, 'PATH_TRAVERSAL'],
  ])('%s is an error with its code', async (_what, attempt, statusCode, code) => {
    await expect(attempt()).rejects.toMatchObject({
      statusCode,
      responseMessage: expect.stringContaining(code),
    });
  });

  test('what a process wrote is read, and what was written a process reads', async () => {
    await sandbox().writeFile('/workspace/in.py', encode('open("/workspace/out", "w").write("42")'));
    await sandbox().run('python3', { args: ['/workspace/in.py'] });
    expect(await read('/workspace/out')).toBe('42');
  });

  test('ten transfers at once keep their bytes apart', async () => {
    const contents = Array.from({ length: 10 }, () => randomBytes(500_000));
    await Promise.all(contents.map((bytes, index) => sandbox().writeFile(`/tmp/par/${index}`, bytes)));
    const back = await Promise.all(contents.map((_, index) => sandbox().readFile(`/tmp/par/${index}`)));
    expect(
      back.map((bytes, index) => Buffer.compare(Buffer.from(bytes), contents[index] ?? Buffer.of())),
    ).toEqual(contents.map(() => 0));
  });
}
