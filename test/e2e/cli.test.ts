import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli, startCli } from '../fixtures/run-cli.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';

let server: TestServer;
let folder: string;

beforeAll(async () => {
  server = await startTestServer({ runtime: 'fake' });
  folder = await mkdtemp(join(tmpdir(), 'atoll-cli-'));
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

const env = () => ({ ATOLL_DATA_DIR: server.dataDir, XDG_CONFIG_HOME: folder });
const cli = (...args: string[]) => runCli(args, { env: env() });

test('a sandbox from create to terminate, with the key that the server left on this machine', async () => {
  const created = await cli('sbx', 'create', 'whole-life');
  expect([created.exitCode, created.stderr]).toEqual([0, '']);
  expect(created.stdout).toMatch(/^[a-z0-9]{21}\n$/);
  const id = created.stdout.trim();
  const script = 'echo $A; echo oops >&2; printf last; exit 3';
  const executed = await cli('sbx', 'exec', '-e', 'A=1', 'whole-life', '--', 'sh', '-c', script);
  expect(executed).toEqual({ exitCode: 3, stdout: '1\nlast\n', stderr: 'oops\n' });
  expect((await cli('sbx', 'name', id, 'renamed')).stdout).toBe('renamed\n');
  expect((await cli('sbx', 'ls', '-r')).stdout).toContain(`${id}\trenamed\trunning\t`);
  expect((await cli('sbx', 'terminate', 'renamed')).stdout).toBe('renamed\n');
  expect((await cli('sbx', 'describe', id)).stdout).toMatch(/^Status: +terminated$/m);
});

test('bench times creates to their first command, leaves nothing, and fails where one fails', async () => {
  const { exitCode, stdout } = await cli('bench', '--arrival', 'burst', '-n', '2', '--json');
  const [burst] = JSON.parse(stdout) as Record<string, unknown>[]; // as printed
  expect([exitCode, burst]).toEqual([0, expect.objectContaining({ asked: 2, succeeded: 2, failures: [] })]);
  expect((await cli('sbx', 'ls', '-r')).stdout).not.toContain('running');
  const failing = await cli('bench', '--arrival', 'sequential', '-n', '1', '-i', 'nope');
  expect([failing.exitCode, failing.stdout]).toEqual([1, expect.stringContaining('0 of 1')]);
  expect(failing.stderr).toContain('failed: ');
});

test('clashes and unknown names exit with 1 and say what to do', async () => {
  await cli('sbx', 'create', 'taken');
  for (const args of [
    ['create', 'taken'],
    ['create', '-i', 'nope'],
    ['create', '-s', 'snap-1'],
    ['exec', 'nobody', 'true'],
  ]) {
    const { exitCode, stdout, stderr } = await cli('sbx', ...args);
    expect([args, exitCode, stdout]).toEqual([args, 1, '']);
    expect(stderr).toMatch(/^Error: failed to .+\nHint: .+\n$/);
  }
  await cli('sbx', 'terminate', 'taken');
});

test('a file of 128 MB goes up and down whole, in constant memory', async () => {
  await cli('sbx', 'create', 'files');
  const [up, down] = [join(folder, 'up'), join(folder, 'down')];
  await writeFile(up, 'head');
  await truncate(up, 128 * 1024 * 1024);
  const child = startCli(['sbx', 'cp', up, 'files:/workspace/big'], { env: env() });
  const highest = await highestMemoryMb(child.pid ?? 0, once(child, 'close'));
  expect(highest).toBeLessThan(256);
  expect((await cli('sbx', 'cp', 'files:/workspace/big', down)).exitCode).toBe(0);
  expect((await stat(down)).size).toBe(128 * 1024 * 1024);
  expect((await readFile(down)).subarray(0, 5)).toEqual(Buffer.from('head\0'));
  await cli('sbx', 'terminate', 'files');
});

/** Of a process, until it has ended. */
async function highestMemoryMb(pid: number, ended: Promise<unknown>): Promise<number> {
  let highestKb = 0;
  const look = async () => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    highestKb = Math.max(highestKb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
  };
  const timer = setInterval(() => void look(), 20);
  await ended;
  clearInterval(timer);
  return highestKb / 1024;
}

test('Ctrl-C ends the remote command and exits with 130', async () => {
  await cli('sbx', 'create', 'stopped');
  const child = startCli(['sbx', 'exec', 'stopped', 'sh', '-c', 'echo ready; exec sleep 3600'], {
    env: env(),
  });
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  expect((await once(child, 'close'))[0]).toBe(130);
  const running = async () => (await cli('sbx', 'ps', 'stopped')).stdout.includes('running');
  await expect.poll(running, { timeout: 10_000 }).toBe(false);
  await cli('sbx', 'terminate', 'stopped');
});

test('logs are shown, followed to the end of the sandbox, and still there after it', async () => {
  const id = (await cli('sbx', 'create', 'talker')).stdout.trim();
  await cli('sbx', 'exec', 'talker', 'sh', '-c', 'echo one; echo two >&2');
  const shown = async (...args: string[]) => (await cli('sbx', 'logs', id, ...args)).stdout;
  await expect.poll(() => shown(), { timeout: 20_000 }).toMatch(/^\S+Z std\w+ +\w+\n\S+Z std\w+ +\w+\n$/);
  expect(await shown('--level', 'error')).toMatch(/^\S+Z stderr two\n$/);
  expect(await shown('--streams')).toContain('sh -c echo one; echo two >&2');
  const follower = startCli(['sbx', 'logs', '-f', '--body', 'e', 'talker', '--json'], { env: env() });
  const ended = once(follower, 'close'); // which may come before the command that ends the sandbox has returned
  let followed = '';
  follower.stdout.on('data', (chunk: Buffer) => (followed += chunk.toString()));
  await once(follower.stdout, 'data');
  await cli('sbx', 'exec', 'talker', 'sh', '-c', 'echo three; echo no');
  await cli('sbx', 'terminate', 'talker');
  expect((await ended)[0]).toBe(0);
  const bodies = followed
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { body: string }).body);
  expect(bodies).toEqual(['one', 'three']);
  expect(await shown('--tail', '1')).toContain(' stdout no\n');
  const unknown = await cli('sbx', 'logs', id, '--process', 'nobody');
  expect([unknown.exitCode, unknown.stderr]).toEqual([1, expect.stringContaining('has printed anything')]);
});

test('a device login gets a token, which can choose another workspace for everything it does', async () => {
  const device = { ...env(), ATOLL_DATA_DIR: '/nonexistent', XDG_CONFIG_HOME: join(folder, 'device') };
  const waiting = startCli(['login', server.url, '--profile', 'dev'], { env: device });
  const ended = once(waiting, 'close');
  let shown = '';
  waiting.stderr.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  await expect.poll(() => shown, { timeout: 15_000 }).toMatch(/login approve \S+/);
  await cli('login', 'approve', /login approve (\S+)/.exec(shown)?.[1] ?? '');
  expect((await ended)[0]).toBe(0);
  await cli('workspace', 'create', 'research');
  const dev = (...args: string[]) => runCli(args, { env: device });
  expect((await dev('workspace', 'use', 'research')).stdout).toBe('research\n');
  expect((await dev('whoami')).stdout).toContain('Workspace    : research');
  await dev('sbx', 'create', 'elsewhere');
  expect((await dev('sbx', 'exec', 'elsewhere', 'echo', 'hi')).stdout).toBe('hi\n');
  expect((await cli('sbx', 'ls')).stdout).not.toContain('elsewhere');
  expect((await dev('sbx', 'terminate', 'elsewhere')).exitCode).toBe(0);
});

test('keys, members and the audit record', async () => {
  const created = JSON.parse((await cli('key', 'create', 'ci', '--role', 'viewer', '--json')).stdout) as {
    key: { id: string };
    value: string;
  };
  const asViewer = await cli('sbx', 'create', '--api-url', server.url, '--api-key', created.value);
  expect([asViewer.exitCode, asViewer.stderr]).toEqual([1, expect.stringContaining('HTTP 403')]);
  await cli('key', 'revoke', created.key.id);
  const revoked = await cli('whoami', '--api-url', server.url, '--api-key', created.value);
  expect([revoked.exitCode, revoked.stderr]).toEqual([1, expect.stringContaining('HTTP 401')]);
  expect((await cli('audit')).stdout).toContain('\trevokeKey\t');
});

test('a create says where the time went when it is asked to', async () => {
  const { stdout, stderr, exitCode } = await cli('sbx', 'create', '--timing');
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  for (const part of ['slot', 'identity', 'runtime', 'rest of the server']) {
    expect(stderr).toMatch(new RegExp(`^  ${part} +\\d+\\.\\d ms$`, 'm'));
  }
  await cli('sbx', 'terminate', stdout.trim());
});
