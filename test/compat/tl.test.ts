import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectTable } from '../fixtures/client-table.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { installTl } from './tl-install.ts';

const tl = await installTl();
const id = expect.stringMatching(/^[a-z0-9]{21}\n$/);

describeOnEachDriver('tl of npm tensorlake 0.5.33', (server, driver) => {
  interface Ran {
    exit: number | null;
    stdout: string;
    stderr: string;
  }
  const environment = (): Record<string, string> => ({
    TENSORLAKE_API_URL: server().url,
    TENSORLAKE_API_KEY: server().apiKey,
    // On localhost it asks nobody where the data plane is (wire 1.1).
    TENSORLAKE_SANDBOX_PROXY_URL: server().url,
  });
  const runTl = async (args: string[], env: Record<string, string> = {}): Promise<Ran> => {
    const [command = '', ...prefix] = tl;
    const child = spawn(command, [...prefix, ...args], {
      env: { HOME: '/nonexistent', PATH: process.env['PATH'] ?? '', ...environment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    return { exit: child.exitCode, stdout, stderr };
  };
  const sbx = (...args: string[]): Promise<Ran> => runTl(['sbx', ...args]);
  const ok = (stdout: unknown, stderr = '') => ({ exit: 0, stdout, stderr });
  const failed = (stderr: string) => ({ exit: 1, stdout: '', stderr: expect.stringContaining(stderr) });
  const idsOf = async (...flags: string[]): Promise<string[]> =>
    (await sbx('ls', '-q', ...flags)).stdout.split('\n').filter((line) => line !== '');

  test('whoami shows the endpoints and what the key belongs to', async () => {
    const { exit, stdout, stderr } = await runTl(['whoami']);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual([
      'Endpoints',
      '  Dashboard   : https://cloud.tensorlake.ai',
      `  Cloud API   : ${server().url}`,
      `  Sandbox API : ${server().url}`,
      '',
      'Credentials',
      '',
      '  API Key',
      expect.stringMatching(/^ {4}Key {10}: \S+\*{4}$/),
      expect.stringMatching(/^ {4}Key ID {7}: apikey_\w+$/),
      expect.stringMatching(/^ {4}Organization : org_\w+$/),
      expect.stringMatching(/^ {4}Project {6}: project_\w+$/),
      '',
    ]);
  });

  test('a key that the server does not know is refused before anything else', async () => {
    expect(await runTl(['sbx', 'ls'], { TENSORLAKE_API_KEY: 'tl_apiKey_unknown_unknown' })).toEqual(
      failed('Error: The TensorLake API key is not valid.'),
    );
  });

  test('ls says so when there are none', async () => {
    expect(await sbx('ls')).toEqual(ok('No sandboxes found.\n'));
  });

  test('create prints the id alone; ls and describe show it; terminate prints what it was given', async () => {
    const flags = ['-c', '0.5', '-m', '256', '--disk_mb', '2048', '-t', '600', '-e', 'sleep', '-e', '300'];
    const created = await sbx('create', 'my-env', ...flags, '-i', 'ubuntu-minimal');
    const unnamed = await sbx('new');
    expect([created, unnamed]).toEqual([ok(id), ok(id)]);
    const sandboxId = created.stdout.trim();
    const otherId = unnamed.stdout.trim();
    const { stdout: table } = await sbx('ls');
    const { stdout: described } = await sbx('describe', 'my-env');
    expect(await idsOf('-r')).toEqual([otherId, sandboxId]);
    expect(await sbx('terminate', 'my-env', otherId)).toEqual(ok(`my-env\n${otherId}\n`));
    expect(await idsOf()).toEqual([]);
    expect(await idsOf('-a')).toEqual([otherId, sandboxId]);

    expect(table.split('\n')).toEqual([
      'ID\tName\tStatus\tImage\tCPUs\tMemory\tDisk\tCreated At',
      expect.stringMatching(
        `^${otherId}\t\trunning\ttensorlake/ubuntu-minimal\t1\t1024 MB\t10240 MB\t\\d+ sec ago$`,
      ),
      expect.stringMatching(
        `^${sandboxId}\tmy-env\trunning\ttensorlake/ubuntu-minimal\t0.5\t256 MB\t2048 MB\t`,
      ),
      '2 sandboxes',
      '',
    ]);
    expect(described.split('\nSSH Config:')[0]?.split('\n')).toEqual([
      `ID:              ${sandboxId}`,
      'Name:            my-env',
      'Namespace:       default',
      'Status:          running',
      'Image:           tensorlake/ubuntu-minimal',
      'CPUs:            0.5',
      'Memory:          256 MB',
      'Disk:            2048 MB',
      'Proxy auth:      required',
      'Internet:        allowed',
      expect.stringMatching(/^Created: {9}\d+ sec ago$/),
      'Timeout:         600s',
      `URL:             ${server().url}`,
      'Entrypoint:      sleep 300',
      'Ports:           ',
      'Allow out:       ',
      'Deny out:        ',
    ]);
  });

  test('describe shows an ended sandbox by its id, and says which one it does not know', async () => {
    const sandboxId = (await sbx('create', 'ended')).stdout.trim();
    await sbx('terminate', sandboxId);
    const { stdout, exit } = await sbx('describe', sandboxId);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^Status: {10}terminated$/m);
    expect(await sbx('describe', 'ended')).toEqual(failed("Error: sandbox 'ended' not found"));
    expect(await sbx('describe', 'nobody')).toEqual(failed("Error: sandbox 'nobody' not found"));
  });

  test('create without internet says so', async () => {
    await sbx('create', 'offline', '-N');
    const { stdout } = await sbx('describe', 'offline');
    await sbx('terminate', 'offline');
    expect(stdout).toMatch(/^Internet: {8}(denied|blocked|disabled)$/m);
  });

  test('refused creates say why', async () => {
    await sbx('create', 'dup');
    expect(await sbx('create', 'dup')).toEqual(
      failed('Error: failed to create sandbox (HTTP 409 Conflict): {'),
    );
    expect(await sbx('create', '-i', 'bad')).toEqual(
      failed('Error: failed to create sandbox (HTTP 404 Not Found): {"error":"image not found: bad"'),
    );
    expect(await sbx('create', '-c', '4000')).toEqual(
      failed('(HTTP 400 Bad Request): {"error":"resources.cpus is 4000'),
    );
    expect(await sbx('create', 'Bad_Name')).toEqual(failed('(HTTP 400 Bad Request)'));
    await sbx('terminate', 'dup');
  });

  test('run makes a sandbox, runs in it, and ends it', async () => {
    const before = await idsOf('-a');
    const ran = await sbx('run', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3');
    expect(ran).toEqual({
      exit: 3,
      stdout: 'out\n',
      stderr: 'Creating sandbox with default image...\nerr\n',
    });
    expect(await idsOf()).toEqual([]);
    expect((await idsOf('-a')).length).toBe(before.length + 1);
  });

  test('run -k keeps the sandbox', async () => {
    const { exit, stdout, stderr } = await sbx(
      'run',
      '-k',
      '-i',
      'debian-minimal',
      '-m',
      '128',
      '--',
      'true',
    );
    const [kept] = await idsOf('-r');
    await sbx('terminate', kept ?? '');
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '' });
    expect(stderr).toContain(`Sandbox ${kept} kept alive.`);
  });

  test('checkpoint takes a snapshot, ls shows it, create starts from it, rm deletes it', async () => {
    const created = await sbx('create', 'tl-snap', '-m', '128');
    expect(created).toEqual(ok(id, expect.anything()));
    const taken = await sbx('checkpoint', 'tl-snap');
    expect(taken).toEqual(ok(id, expect.stringContaining('(in_progress)')));
    const snapshot = taken.stdout.trim();
    const { stdout } = await sbx('checkpoint', 'ls');
    expect(stdout).toContain(snapshot);
    expect(stdout).toContain('filesystem');
    const copy = await sbx('create', '--snapshot', snapshot);
    expect(copy).toEqual(ok(id, expect.anything()));
    expect(await sbx('checkpoint', 'rm', snapshot)).toEqual(ok(`${snapshot}\n`));
    await sbx('terminate', 'tl-snap', copy.stdout.trim());
  });

  test.runIf(driver === 'gvisor')(
    'checkpoint and create take memory, and copy makes a live copy',
    async () => {
      const created = await sbx('create', 'tl-live', '-m', '128');
      expect(created).toEqual(ok(id, expect.anything()));
      await sbx('exec', 'tl-live', '--', 'sh', '-c', 'setsid sleep 1000 </dev/null >/dev/null 2>&1 &');
      const taken = await sbx('checkpoint', 'tl-live', '--checkpoint-type', 'memory');
      expect(taken).toEqual(ok(id, expect.stringContaining('(in_progress)')));
      const snapshot = taken.stdout.trim();
      expect((await sbx('checkpoint', 'ls')).stdout).toContain('memory');
      const restored = await sbx('create', '--snapshot', snapshot);
      const copied = await sbx('copy', 'tl-live');
      const cloned = await sbx('clone', 'tl-live');
      const [clone = ''] = /[a-z0-9]{21}/.exec(cloned.stdout) ?? [];
      const [copy = ''] = /[a-z0-9]{21}/.exec(copied.stdout) ?? [];
      for (const sandbox of [restored.stdout.trim(), copy, clone])
        expect((await sbx('exec', sandbox, '--', 'pgrep', '-c', 'sleep')).stdout.trim()).toBe('1');
      expect(await sbx('checkpoint', 'rm', snapshot)).toEqual(ok(`${snapshot}\n`));
      await sbx('terminate', 'tl-live', copy, clone, restored.stdout.trim());
    },
  );

  test('secrets are set, listed and removed', async () => {
    expect(await runTl(['secrets', 'ls'])).toEqual(ok('no secrets found\n'));
    expect(await runTl(['secrets', 'set', 'A=1', 'B=2'])).toEqual(ok('2 secrets set\n'));
    expect((await runTl(['secrets', 'ls'])).stdout.split('\n')).toEqual([
      '┌──────┬──────────────────────────┐',
      '│ Name ┆ Created At               │',
      '╞══════╪══════════════════════════╡',
      expect.stringMatching(/^│ A {4}┆ \d{4}-\S+Z │$/),
      expect.stringMatching(/^│ B {4}┆ \d{4}-\S+Z │$/),
      '└──────┴──────────────────────────┘',
      '2 secrets',
      '',
    ]);
    expect(await runTl(['secrets', 'unset', 'A'])).toMatchObject({ exit: 2 });
    expect(await runTl(['secrets', 'rm', 'A', 'B'])).toEqual(ok('2 secrets unset\n'));
    expect(await runTl(['secrets', 'ls'])).toEqual(ok('no secrets found\n'));
  });

  test('ssh keys are added, listed and removed; images are listed', async () => {
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICWBBYOBwHmuDIa6kjzZrn9+u0rpfUMNs/Zhtkc9Wqrg';
    expect((await sbx('ssh', 'keys', 'add', '--name', 'laptop', key)).exit).toBe(0);
    expect((await sbx('ssh', 'keys', 'ls')).stdout).toContain('laptop');
    expect((await sbx('ssh', 'keys', 'rm', 'laptop')).exit).toBe(0);
    expect((await sbx('ssh', 'keys', 'ls')).stdout).not.toContain('laptop');
    expect((await sbx('image', 'ls')).exit).toBe(0);
  });

  test('the page of published clients names each command, and where it is tried', async () => {
    const below = async (path: string[]): Promise<string[]> => {
      const { stdout } = await runTl([...path, '--help']);
      const [, list = ''] = stdout.split(/^Commands:$/m);
      const lines = (list.split('\n\n')[0] ?? '').matchAll(/^ {2}([a-z]\S*)/gm);
      return [...lines].map(([, name = '']) => name).filter((name) => name !== 'help');
    };
    const offered: Record<string, string[]> = {};
    const walk = async (path: string[]): Promise<void> => {
      const commands = await below(path);
      if (commands.length > 0) offered[path.join(' ') || 'tl'] = commands;
      for (const command of commands) await walk([...path, command]);
    };
    await walk([]);
    expectTable('tl of npm tensorlake 0.5.33', offered, (text, command, path) => {
      const words = [...path.split(' '), command].filter((word) => word !== 'tl' && word !== 'sbx');
      return text.includes(words.map((word) => `'${word}'`).join(', '));
    });
  });

  describe('in a sandbox', () => {
    beforeAll(async () => void (await sbx('create', 'worker')));
    afterAll(async () => void (await sbx('terminate', 'worker')));

    test('exec passes output and exit code on', async () => {
      expect(await sbx('exec', 'worker', 'echo', 'hi')).toEqual(ok('hi\n'));
      expect(
        await sbx(
          'exec',
          '-w',
          '/tmp',
          '-e',
          'A=1',
          '-t',
          '5',
          'worker',
          '--',
          'bash',
          '-c',
          'echo $A $PWD; exit 3',
        ),
      ).toEqual({ exit: 3, stdout: '1 /tmp\n', stderr: '' });
      expect(await sbx('exec', '--user', 'root', 'worker', '--', 'id', '-u')).toEqual(ok('0\n'));
      expect(await sbx('exec', 'worker', '--', 'id', '-un')).toEqual(ok('tl-user\n'));
      expect(await sbx('exec', 'worker', '--', 'sh', '-c', 'echo x; kill -9 $$')).toEqual({
        exit: 137,
        stdout: 'x\n',
        stderr: '',
      });
      expect(await sbx('exec', '-t', '1', 'worker', '--', 'sleep', '60')).toEqual({
        exit: 137,
        stdout: '',
        stderr: '',
      });
    });

    test('exec of a command or in a sandbox that does not exist fails', async () => {
      expect(await sbx('exec', 'worker', 'nocmd')).toEqual(
        failed('Error: failed to run process (HTTP 400 Bad Request): {'),
      );
      expect((await sbx('exec', 'worker', 'nocmd')).stderr).toContain(
        '"error":"Failed to spawn process: No such file or directory (os error 2)"',
      );
      expect(await sbx('exec', 'nonexist', 'echo', 'hi')).toEqual(
        failed('Error: failed to run process (HTTP 404 Not Found): {'),
      );
    });

    test('cp copies files in and out', async () => {
      const dir = await tempDir();
      const [up, down] = [join(dir, 'up load.bin'), join(dir, 'down.bin')];
      const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 256));
      await writeFile(up, bytes);
      expect(await sbx('cp', up, 'worker:/tmp/up load.bin')).toEqual(
        ok(`${up} -> worker:/tmp/up load.bin (100000 bytes)\n`),
      );
      expect(await sbx('cp', 'worker:/tmp/up load.bin', down)).toEqual(
        ok(`worker:/tmp/up load.bin -> ${down} (100000 bytes)\n`),
      );
      expect(Buffer.compare(await readFile(down), bytes)).toBe(0);
      expect((await sbx('cp', 'worker:/tmp/no such', down)).exit).toBe(1);
    });

    test('port exposes ports, lists them and takes them back', async () => {
      expect(await sbx('port', 'expose', 'worker', '8080', '9090')).toEqual(
        ok('Exposed 8080, 9090 on sandbox worker\nUnauthenticated access enabled\n'),
      );
      const listed = await sbx('port', 'ls', 'worker');
      expect(listed.stdout).toMatch(/Unauthenticated access: enabled[^]*8080[^]*9090/);
      expect(await sbx('port', 'rm', 'worker', '8080')).toEqual(
        ok('Sandbox worker now exposes 9090\nUnauthenticated access enabled\n'),
      );
      expect((await sbx('port', 'rm', 'worker', '9090')).exit).toBe(0);
      expect((await sbx('describe', 'worker')).stdout).toMatch(/Proxy auth: +required/);
    });

    test('suspend lets it sleep, and resume wakes it', async () => {
      expect((await sbx('suspend', 'worker')).exit).toBe(0);
      expect((await sbx('describe', 'worker')).stdout).toMatch(/suspended/i);
      expect((await sbx('resume', 'worker')).exit).toBe(0);
      expect((await sbx('describe', 'worker')).stdout).toMatch(/running/i);
    });

    test('name renames', async () => {
      expect(await sbx('name', 'worker', 'renamed')).toEqual(ok('renamed\n'));
      expect(await sbx('exec', 'renamed', 'echo', 'still here')).toEqual(ok('still here\n'));
      expect(await sbx('name', 'renamed', 'worker')).toEqual(ok('worker\n'));
    });
  });
});
