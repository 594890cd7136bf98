import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SandboxClient } from '../../sdk/src/index.ts';
import type { FileChange, Sandbox } from '../../sdk/src/index.ts';
import { runCli } from '../fixtures/run-cli.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';

const paths = (listing: Iterable<{ path: string }>): string[] => [...listing].map(({ path }) => path);

describeOnEachDriver('files', (server) => {
  let sandbox: Sandbox;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'atoll-files-'));
    const client = new SandboxClient({ apiUrl: server().url, apiKey: server().apiKey });
    sandbox = await client.createAndConnect({ memoryMb: 512 });
    await sandbox.writeFile('/workspace/tree/src/main.ts', 'const needle = 1;\n');
    await sandbox.writeFile('/workspace/tree/src/deep/other.ts', 'nothing\n');
    await sandbox.writeFile('/workspace/tree/node_modules/x/main.ts', 'needle\n');
    await sandbox.run('sh', ['-c', 'ln -s src /workspace/tree/link; ln -s /etc /workspace/tree/out']);
  });
  afterAll(async () => {
    await sandbox?.terminate();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test('trees are listed, found in and searched', async () => {
    const { files } = sandbox;
    const tree = await files.tree('/workspace/tree', { exclude: ['node_modules'] });
    expect(paths(tree)).toEqual(
      ['link', 'node_modules', 'out', 'src', 'src/deep', 'src/deep/other.ts', 'src/main.ts'].filter(
        (path) => path !== 'node_modules',
      ),
    );
    expect(tree.entries[0]).toMatchObject({ type: 'symlink', target: 'src' });
    expect(paths(await files.find('/workspace/tree', '**/main.ts'))).toEqual([
      'node_modules/x/main.ts',
      'src/main.ts',
    ]);
    const hits = await files.search('/workspace/tree', 'NEEDLE', { ignoreCase: true, patterns: ['src/**'] });
    expect(hits.entries).toEqual([{ path: 'src/main.ts', line: 1, column: 7, text: 'const needle = 1;' }]);
    await expect(files.tree('/workspace/nothing')).rejects.toMatchObject({
      statusCode: 404,
      code: 'NOT_FOUND',
    });
  });

  test('directories are made, moved, copied and deleted', async () => {
    const { files } = sandbox;
    await files.mkdir('/workspace/made/deep', { mode: 0o700 });
    expect(await files.stat('/workspace/made/deep')).toMatchObject({
      type: 'directory',
      mode: 0o700,
      owner: 'tl-user',
    });
    await files.copy('/workspace/tree/src', '/workspace/made/deep/src');
    await files.move('/workspace/made/deep', '/workspace/moved');
    expect(paths(await files.tree('/workspace/moved'))).toEqual([
      'src',
      'src/deep',
      'src/deep/other.ts',
      'src/main.ts',
    ]);
    await files.chmod('/workspace/moved', 0o750, { recursive: true });
    await files.chown('/workspace/moved', '1234:1235', { recursive: true, user: 'root' });
    expect(await files.stat('/workspace/moved/src/main.ts', { user: 'root' })).toMatchObject({
      mode: 0o750,
      uid: 1234,
      gid: 1235,
    });
    await expect(files.move('/workspace/moved', '/workspace/tree')).rejects.toMatchObject({
      statusCode: 409,
    });
    await files.chown('/workspace/moved', 'tl-user', { recursive: true, user: 'root' });
    await files.remove('/workspace/moved', { recursive: true });
    expect(await files.exists('/workspace/moved')).toBe(false);
  });

  test('changes are told as they happen, those of processes too', async () => {
    const seen: FileChange[] = [];
    const watch = sandbox.files.watch('/workspace/tree', {
      recursive: true,
      signal: AbortSignal.timeout(30_000),
      onReady: () => {
        const script =
          'mkdir -p new/deep; echo 1 > new/deep/a; mv new/deep/a b; mv new newer; echo 2 > newer/deep/c; rm -r newer b';
        void sandbox.run('sh', ['-c', `cd /workspace/tree; ${script}`]);
      },
    });
    for await (const change of watch) {
      seen.push(change);
      if (change.op === 'remove' && change.path === 'b') break;
    }
    const told = seen.map(({ op, path, to }) => [op, path, ...(to === undefined ? [] : [to])].join(' '));
    for (const one of ['create new', 'create new/deep', 'rename new newer', 'create newer/deep/c']) {
      expect(told).toContain(one);
    }
    expect(told).toContain('remove newer');
  });

  test('a directory goes to the sandbox and back as it was', async () => {
    const parent = mkdtempSync(join(folder, 'copy-'));
    const local = join(parent, 'project');
    mkdirSync(join(local, 'bin'), { recursive: true });
    writeFileSync(join(local, 'bin/tool'), '#!/bin/sh\necho ran\n', { mode: 0o755 });
    execFileSync('truncate', ['-s', '64M', join(local, 'sparse')]);
    writeFileSync(join(local, 'ünï çode'), 'x'.repeat(300_000));
    symlinkSync('bin/tool', join(local, 'link'));
    symlinkSync('/etc/passwd', join(local, 'outside'));
    const env = { ATOLL_URL: server().url, ATOLL_API_KEY: server().apiKey };
    const up = await runCli(['sbx', 'cp', local, `${sandbox.sandboxId}:/workspace/in/`], { env });
    expect([up.exitCode, up.stderr]).toEqual([0, '']);
    expect(up.stdout).toContain(`${sandbox.sandboxId}:/workspace/in/project (3 files`);
    expect((await sandbox.run('/workspace/in/project/link')).stdout).toBe('ran');
    expect((await sandbox.files.stat('/workspace/in/project/outside')).target).toBe('/etc/passwd');
    const down = await runCli(
      ['sbx', 'cp', `${sandbox.sandboxId}:/workspace/in/project`, join(parent, 'back')],
      {
        env,
      },
    );
    expect([down.exitCode, down.stderr]).toEqual([0, '']);
    const back = join(parent, 'back');
    expect(statSync(join(back, 'bin/tool')).mode & 0o777).toBe(0o755);
    expect(await readlink(join(back, 'outside'))).toBe('/etc/passwd');
    expect(readFileSync(join(back, 'ünï çode'), 'utf8')).toBe('x'.repeat(300_000));
    const { size, blocks } = statSync(join(back, 'sparse'));
    expect([size, blocks < 1000]).toEqual([64 * 1024 * 1024, true]);
  });

  test('parts of a file are read by ranges', async () => {
    await sandbox.writeFile('/workspace/digits', '0123456789');
    const read = (range: string) =>
      server().fetch('/api/v1/files?path=%2Fworkspace%2Fdigits', {
        headers: { range, 'x-tensorlake-sandbox-id': sandbox.sandboxId },
      });
    const part = await read('bytes=2-4');
    expect([part.status, await part.text(), part.headers.get('content-range')]).toEqual([
      206,
      '234',
      'bytes 2-4/10',
    ]);
    const beyond = await read('bytes=20-');
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */10']);
  });

  test('the kernel decides what another user may see and change', async () => {
    await sandbox.run('sh', ['-c', 'mkdir -m 700 /workspace/closed; echo secret > /workspace/closed/file']);
    const user = '4242:4242';
    for (const attempt of [
      () => sandbox.files.tree('/workspace/closed', { user }),
      () => sandbox.files.search('/workspace/closed', 'secret', { user }),
      () => sandbox.files.copy('/workspace/closed', '/tmp/stolen', { user }),
      () => sandbox.files.move('/workspace/closed', '/tmp/stolen', { user }),
      () => sandbox.files.chmod('/workspace/closed', 0o777, { user }),
      () => sandbox.files.uploadArchive('/workspace/closed/in', new Uint8Array(1024), { user }),
    ]) {
      await expect(attempt(), String(attempt)).rejects.toMatchObject({
        statusCode: 403,
        code: 'PERMISSION_DENIED',
      });
    }
    expect(await sandbox.files.exists('/tmp/stolen')).toBe(false);
  });
});
