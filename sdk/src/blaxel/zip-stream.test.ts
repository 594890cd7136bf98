import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createPathMatcher } from '@atoll/protocol';
import { expect, onTestFinished, test } from 'vitest';
import { packZip } from './zip-stream.ts';

const execute = promisify(execFile);

/** Name, mode, size and content of every entry, as another program reads them. */
const reader = `
import json, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
print(json.dumps([[i.filename, oct(i.external_attr >> 16), i.file_size, i.date_time[0],
  archive.read(i)[:40].decode('utf8')] for i in archive.infolist()]))
`;

test('another program reads names, modes, links and contents of an archive', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-zip-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const source = join(dir, 'source');
  await mkdir(join(source, 'ü'), { recursive: true });
  await writeFile(join(source, 'run.sh'), '#!/bin/sh\n');
  await chmod(join(source, 'run.sh'), 0o755);
  await writeFile(join(source, 'ü', 'large'), 'x'.repeat(3_000_000));
  await writeFile(join(source, 'secret'), 'no');
  await writeFile(join(source, 'Dockerfile'), 'FROM old');
  await symlink('run.sh', join(source, 'link'));
  const chunks: Uint8Array[] = [];
  const extra = [{ path: 'Dockerfile', content: 'FROM new' }];
  for await (const chunk of packZip(source, createPathMatcher(['secret']), extra)) chunks.push(chunk);
  const file = join(dir, 'a.zip');
  await writeFile(file, Buffer.concat(chunks));
  const { stdout } = await execute('python3', ['-c', reader, file]);
  const year = new Date().getUTCFullYear();
  expect(JSON.parse(stdout)).toEqual([
    ['link', '0o120777', 6, expect.any(Number), 'run.sh'],
    ['run.sh', '0o100755', 10, year, '#!/bin/sh\n'],
    ['ü/', expect.stringMatching(/^0o40/), 0, year, ''],
    ['ü/large', expect.stringMatching(/^0o100/), 3_000_000, year, 'x'.repeat(40)],
    ['Dockerfile', '0o100644', 8, year, 'FROM new'],
  ]);
});

test('a folder that cannot be read is an error, not a shorter archive', async () => {
  const read = async (): Promise<void> => {
    for await (const chunk of packZip('/nonexistent/here', createPathMatcher([]))) void chunk;
  };
  await expect(read()).rejects.toThrow('the folder cannot be read');
});
