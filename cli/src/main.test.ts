import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { serverFileContent } from '../../server/src/server-file.ts';
import { runCli } from '../../test/fixtures/run-cli.ts';
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
  env = { XDG_CONFIG_HOME: folder };
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const config = () => readFile(join(folder, 'atoll', 'config.toml'), 'utf8');

test('a usage error exits with 2 and sends nothing', async () => {
  const options = { env: { ...env, ATOLL_URL: server.url, ATOLL_API_KEY: standInKey } };
  const unknown = await runCli(['sbx', 'craete'], options);
  expect([unknown.exitCode, unknown.stdout]).toEqual([2, '']);
  expect(unknown.stderr).toContain('Did you mean create?');
  const senseless = await runCli(['sbx', 'cp', 'a', 'b'], options);
  expect([senseless.exitCode, senseless.stdout]).toEqual([2, '']);
  expect(senseless.stderr).toContain('one of the two must be in a sandbox');
  expect(server.requests).toEqual([]);
});

test('help and version go to standard output with 0', async () => {
  expect(await runCli(['--version'])).toEqual({ exitCode: 0, stdout: '0.1.0\n', stderr: '' });
  const { exitCode, stdout } = await runCli(['sbx', 'exec', '--help'], { env: { ATOLL_PROGRAM: 'tl' } });
  expect(exitCode).toBe(0);
  expect(stdout).toContain('Usage: tl sbx exec [options] <sandbox> <command...>');
  expect(stdout).toContain('$ tl sbx exec my-env ls -l');
});

test('no server and no key are errors that say what to do', async () => {
  const nowhere = await runCli(['sbx', 'ls'], { env });
  expect([nowhere.exitCode, nowhere.stderr]).toEqual([
    1,
    expect.stringMatching(/^Error: .*no server is known\nHint: .*atoll server.*\n$/s),
  ]);
  const keyless = await runCli(['sbx', 'ls', '--api-url', server.url], { env });
  expect(keyless.stderr).toContain('Hint: Log in with `atoll login`');
});

test('an error is one JSON object with --json', async () => {
  const { exitCode, stderr } = await runCli(
    ['whoami', '--json', '--api-url', server.url, '--api-key', 'wrong'],
    { env },
  );
  expect(exitCode).toBe(1);
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'unauthenticated', statusCode: 401 } });
});

test('--debug and DEBUG show requests and no keys', async () => {
  for (const [flags, debug] of [
    [['--debug'], ''],
    [[], 'atoll:*'],
  ] as const) {
    const options = { env: { ...env, ATOLL_URL: server.url, ATOLL_API_KEY: standInKey, DEBUG: debug } };
    const { stderr } = await runCli(['whoami', ...flags], options);
    expect(stderr).toMatch(/^atoll:http GET http:\S+\/v1\/whoami 200 \d+ ms\n$/);
    expect(stderr).not.toContain(standInKey);
  }
});

test('a key from standard input is tried, then kept in a profile', async () => {
  const wrong = await runCli(['login', server.url, '--api-key', '-'], { env, input: 'wrong\n' });
  expect(wrong.exitCode).toBe(1);
  await expect(config()).rejects.toThrow();
  const right = await runCli(['login', server.url, '--api-key', '-'], { env, input: `${standInKey}\n` });
  expect(right).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Logged in as ada') });
  const { stdout } = await runCli(['whoami', '--json'], { env });
  expect(JSON.parse(stdout)).toMatchObject({ apiUrl: server.url, apiKeySource: 'profile default' });
  expect(stdout).not.toContain(standInKey);
});

test('a device login waits for its approval and keeps the token', async () => {
  const waiting = runCli(['login', server.url, '--profile', 'lab'], { env });
  await expect
    .poll(() => server.requests.some(({ path }) => path.includes('/login/poll')), { timeout: 15_000 })
    .toBe(true);
  const approving = { env: { ...env, ATOLL_URL: server.url, ATOLL_API_KEY: standInKey } };
  expect((await runCli(['login', 'approve', 'ABCD-EFGH'], approving)).stdout).toBe('Approved ABCD-EFGH\n');
  const { exitCode, stderr } = await waiting;
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining('atoll login approve ABCD-EFGH')]);
  expect(await config()).toContain('[profiles.lab]');
  expect(stderr).not.toContain('secret-dev');
});

test('logout forgets the profile', async () => {
  await runCli(['login', server.url, '--api-key', standInKey], { env });
  expect((await runCli(['logout'], { env })).stdout).toBe(`Logged out of ${server.url}\n`);
  expect(await config()).not.toContain(standInKey);
});

test('a chosen workspace is the namespace of later calls', async () => {
  await runCli(['login', server.url, '--api-key', standInKey], { env });
  await runCli(['workspace', 'use', 'default'], { env });
  expect(await config()).toContain('namespace = "default"');
  const { exitCode, stderr } = await runCli(['workspace', 'use', 'nope'], { env });
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('no workspace nope that this key may use')]);
});

test('the server on this machine is found by its files', async () => {
  await writeFile(join(folder, 'server.json'), serverFileContent(server.url));
  await writeFile(join(folder, 'admin-key'), `${standInKey}\n`);
  const { stdout } = await runCli(['whoami', '--json'], { env: { ...env, ATOLL_DATA_DIR: folder } });
  expect(JSON.parse(stdout)).toMatchObject({ apiUrlSource: 'local server', apiKeySource: 'local server' });
});

test('tenancy verbs print what scripts need', async () => {
  const options = { env: { ...env, ATOLL_URL: server.url, ATOLL_API_KEY: standInKey } };
  const outputs: Record<string, string> = {
    'key create ci --role member': 'atoll_new_key\n',
    'key revoke key_1': 'key_1\n',
    'account create Acme --quiet': 'atoll_owner_key\n',
    'workspace create research': 'research\n',
    'member add ada --role admin': 'm_1\n',
    'member role m_1 admin': 'm_1 is admin\n',
    'member rm m_1': 'm_1\n',
    'member ls': 'ID\tName\tRole\tAdded At\nm_1\tada\tadmin (owner)\t2025-11-22 05:40\n',
  };
  const lines = Object.keys(outputs);
  const results = await Promise.all(lines.map((line) => runCli(line.split(' '), options)));
  expect(Object.fromEntries(lines.map((line, at) => [line, results[at]?.stdout]))).toEqual(outputs);
});

test('server flags that make no sense are usage errors, and its help is its own', async () => {
  expect((await runCli(['server', '--help'])).stdout).toContain('--data-dir');
  const { exitCode, stderr } = await runCli(['server', '--runtime', 'magic']);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('--runtime magic')]);
});
