import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runCli, startCli } from '../../test/fixtures/run-cli.ts';
import type { CliResult } from '../../test/fixtures/run-cli.ts';
import { standInKey, startStandIn } from '../../test/fixtures/stand-in-server.ts';
import type { StandInServer } from '../../test/fixtures/stand-in-server.ts';

// Each test starts processes of its own; a busy machine takes its time.
vi.setConfig({ testTimeout: 30_000 });

let server: StandInServer;
let folder: string;
let env: Record<string, string>;

beforeEach(async () => {
  server = await startStandIn();
  folder = await mkdtemp(join(tmpdir(), 'atoll-cli-'));
  env = { ATOLL_URL: server.url, ATOLL_API_KEY: standInKey };
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const cli = (...args: string[]): Promise<CliResult> => runCli(args, { env });
const sent = (method: string) => server.requests.find((request) => request.method === method);

test('create prints the id alone, and sends what the flags say', async () => {
  const flags = [
    '-c',
    '2',
    '-m',
    '512',
    '--disk_mb',
    '2048',
    '-t',
    '60',
    '-e',
    'sleep',
    '-e',
    '9',
    '-i',
    'img',
  ];
  const result = await cli(
    'sbx',
    'new',
    'my-env',
    ...flags,
    '-x',
    '8080',
    '-N',
    '-A',
    '1.1.1.1',
    '-D',
    '10.0.0.0/8',
  );
  expect(result).toEqual({ exitCode: 0, stdout: 'sbx000000000000000000\n', stderr: '' });
  expect(JSON.parse(sent('POST')?.body ?? '')).toEqual({
    name: 'my-env',
    image: 'img',
    resources: { cpus: 2, memory_mb: 512, disk_mb: 2048 },
    timeout_secs: 60,
    entrypoint: ['sleep', '9'],
    exposed_ports: [8080],
    allow_unauthenticated_access: true,
    network: { allow_internet_access: false, allow_out: ['1.1.1.1'], deny_out: ['10.0.0.0/8'] },
  });
  expect(sent('POST')?.headers['user-agent']).toMatch(/^atoll-cli\/\S+ atoll-sdk\/\S+$/);
});

test('ls is tab-separated in a pipe and JSON with --json, wherever that stands', async () => {
  expect((await cli('sbx', 'ls')).stdout).toBe('No sandboxes found.\n');
  await cli('sbx', 'create', 'my-env');
  expect((await cli('sbx', 'ls')).stdout).toBe(
    'ID\tName\tStatus\tImage\tCPUs\tMemory\tDisk\tCreated At\n' +
      'sbx000000000000000000\tmy-env\trunning\ttensorlake/debian-minimal\t1\t1024 MB\t10240 MB\t2025-11-22 05:40\n' +
      '1 sandbox\n',
  );
  const [before, after] = [await cli('--json', 'sbx', 'ls'), await cli('sbx', 'ls', '--json')];
  expect(before).toEqual(after);
  expect(JSON.parse(after.stdout)).toMatchObject([{ sandboxId: 'sbx000000000000000000', status: 'running' }]);
});

test('describe prints one field a line', async () => {
  await cli('sbx', 'create', 'my-env');
  const { stdout } = await cli('sbx', 'info', 'my-env');
  expect(stdout.split('\n').slice(0, 4)).toEqual([
    'ID:              sbx000000000000000000',
    'Name:            my-env',
    'Namespace:       default',
    'Status:          running',
  ]);
});

test('exec passes output and exit code on, and everything after the command to it', async () => {
  await cli('sbx', 'create', 'my-env');
  const script = 'echo $A; echo oops >&2; exit 3';
  const result = await cli('sbx', 'exec', '-e', 'A=1', '-t', '5', 'my-env', '--', 'sh', '-c', script);
  expect(result).toEqual({ exitCode: 3, stdout: '1\n', stderr: 'oops\n' });
  expect(JSON.parse(server.requests.at(-1)?.body ?? '')).toEqual({
    command: 'sh',
    args: ['-c', script],
    env: { A: '1' },
    timeout: 5,
  });
  const between = await cli(
    'sbx',
    'exec',
    'my-env',
    '-e',
    'B=2',
    '--user',
    '0',
    'sh',
    '-c',
    'echo $B -w',
    '--json',
  );
  expect(between).toEqual({ exitCode: 0, stdout: '2 -w\n', stderr: '' });
});

test('a signal is 128+n; a command that cannot start is an error with a hint', async () => {
  await cli('sbx', 'create', 'my-env');
  expect((await cli('sbx', 'exec', 'my-env', 'sh', '-c', 'kill -9 $$')).exitCode).toBe(137);
  const { exitCode, stderr } = await cli('sbx', 'exec', 'my-env', 'nocmd');
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^Error: failed to run process: .*\nHint: .*\n$/);
});

test('run ends its sandbox unless told to keep it', async () => {
  const ended = await cli('sbx', 'run', '-m', '512', '--', 'echo', 'hi');
  expect(ended).toEqual({ exitCode: 0, stdout: 'hi\n', stderr: 'Creating sandbox with default image...\n' });
  const kept = await cli('sbx', 'run', '-k', '--quiet', 'sh', '-c', 'exit 4');
  expect(kept).toEqual({ exitCode: 4, stdout: '', stderr: '' });
  expect([...server.sandboxes.values()].map(({ status }) => status)).toEqual(['terminated', 'running']);
});

test('Ctrl-C ends the remote command and the sandbox of a run, and exits with 130', async () => {
  const child = startCli(['sbx', 'run', 'sleep', '60'], { env });
  await expect.poll(() => server.processes[0]?.pid, { timeout: 15_000 }).toBeDefined();
  child.kill('SIGINT');
  const [exitCode] = (await once(child, 'close')) as [number | null];
  expect(exitCode).toBe(130);
  await expect.poll(() => server.processes[0]?.signalCode).toBe('SIGKILL');
  expect([...server.sandboxes.values()][0]?.status).toBe('terminated');
});

test('a reader that has enough ends it quietly', async () => {
  const child = startCli(['sbx', 'run', 'sh', '-c', 'while :; do echo y; done'], { env });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [exitCode] = (await once(child, 'close')) as [number | null];
  expect([exitCode, stderr]).toEqual([0, 'Creating sandbox with default image...\n']);
  expect([...server.sandboxes.values()][0]?.status).toBe('terminated');
});

test('cp goes both ways, through pipes too', async () => {
  await cli('sbx', 'create', 'my-env');
  const up = join(folder, 'up.txt');
  await writeFile(up, 'abc\n');
  expect((await cli('sbx', 'cp', up, 'my-env:/tmp/')).stdout).toBe(`${up} -> my-env:/tmp/up.txt (4 bytes)\n`);
  expect((await cli('sbx', 'cp', 'my-env:/tmp/up.txt', '-')).stdout).toBe('abc\n');
  await cli('sbx', 'cp', 'my-env:/tmp/up.txt', join(folder, 'down'));
  expect(await readFile(join(folder, 'down'), 'utf8')).toBe('abc\n');
  await runCli(['sbx', 'cp', '-', 'my-env:/in'], { env, input: 'piped' });
  expect(server.files.get('/in')?.toString()).toBe('piped');
});

test('a download that fails leaves the old file', async () => {
  await cli('sbx', 'create', 'my-env');
  const target = join(folder, 'kept');
  await writeFile(target, 'old');
  expect((await cli('sbx', 'cp', 'my-env:/nope', target)).exitCode).toBe(1);
  expect(await readFile(target, 'utf8')).toBe('old');
});

test('terminate prints what it ended and goes on after what it could not', async () => {
  await cli('sbx', 'create', 'a');
  await cli('sbx', 'create', 'b');
  const result = await cli('sbx', 'terminate', 'a', 'nope', 'b');
  expect([result.exitCode, result.stdout]).toEqual([1, 'a\nb\n']);
  expect(result.stderr).toContain('failed to terminate nope');
});

test('name and ps', async () => {
  await cli('sbx', 'create', 'a');
  expect((await cli('sbx', 'name', 'a', 'b')).stdout).toBe('b\n');
  await cli('sbx', 'exec', 'b', 'true');
  expect((await cli('sbx', 'ps', 'b')).stdout).toMatch(/\d+\texited\t0\t2025-11-22 05:40\ttrue\n$/);
});

test('update sends the rules as a whole, or clears them, and wants something to change', async () => {
  await cli('sbx', 'create', 'my-env');
  const bodies = () =>
    server.requests.filter(({ method }) => method === 'PATCH').map(({ body }) => JSON.parse(body));
  const set = await cli(
    'sbx',
    'update',
    'my-env',
    '-A',
    'pypi.org',
    '-A',
    '*.example.com',
    '-D',
    '10.0.0.0/8',
  );
  expect(set).toEqual({ exitCode: 0, stdout: 'sbx000000000000000000\n', stderr: '' });
  await cli('sbx', 'update', 'my-env', '-N');
  await cli('sbx', 'update', 'my-env', '--clear-network');
  const rules = {
    allow_internet_access: true,
    allow_out: ['pypi.org', '*.example.com'],
    deny_out: ['10.0.0.0/8'],
  };
  expect(bodies()).toEqual([
    { network: rules },
    { network: { allow_internet_access: false, allow_out: [], deny_out: [] } },
    { network: null },
  ]);
  expect((await cli('sbx', 'update', 'my-env')).exitCode).toBe(2);
  expect((await cli('sbx', 'update', 'my-env', '-N', '--clear-network')).exitCode).toBe(2);
  expect(bodies()).toHaveLength(3);
});

test('network shows rules, traffic and what was refused', async () => {
  await cli('sbx', 'create', 'my-env');
  const shown = await cli('sbx', 'network', 'my-env');
  expect(shown).toMatchObject({ exitCode: 0, stderr: '' });
  expect(shown.stdout.split('\n')).toEqual([
    'Internet:        allowed',
    'Allow out:       pypi.org',
    'Deny out:        -',
    'Open ranges:     -',
    'Limits:          1000 Mbit/s each way, no limit of new connections',
    'Sent:            2.0 KB in 2 packets',
    'Received:        99 B in 1 packet',
    'Refused:         180 B in 3 packets',
    'Refused\tProtocol\tTimes\tLast At',
    '1.2.3.4:443\ttcp\t3\t2025-11-22 05:40',
    '1.2.3.4\ticmp\t1\t2025-11-22 05:40',
    'evil.example\tdns\t2\t2025-11-22 05:40',
    '',
  ]);
  const asJson = JSON.parse((await cli('sbx', 'network', 'my-env', '--json')).stdout) as unknown;
  expect(asJson).toMatchObject({ sent: { bytes: 2048 }, refusedNames: [{ name: 'evil.example' }] });
});
