import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AdminClient } from '@atoll/sdk';
import type { ImageImportEvent } from '@atoll/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { imageOf, registryClient } from '../fixtures/registry-client.ts';
import { runCli } from '../fixtures/run-cli.ts';
import { standInRegistry } from '../fixtures/stand-in-registry.ts';
import type { Misbehaviour } from '../fixtures/stand-in-registry.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

let server: TestServer;
let admin: AdminClient;
beforeAll(async () => {
  server = await startTestServer({ runtime: 'fake' });
  admin = new AdminClient({ apiUrl: server.url, apiKey: server.apiKey });
}, 60_000);
afterAll(() => server.close());

const image = imageOf([{ path: 'hello', content: 'world' }]);

/** Refuses whoever does not have the password. */
const guarded: Misbehaviour = ({ headers }, response) => {
  const wanted = `Basic ${Buffer.from('me:s3cret-word').toString('base64')}`;
  if (headers.authorization === wanted) return false;
  response.writeHead(401, { 'www-authenticate': 'Basic realm="stand-in"' }).end();
  return true;
};

test('an import tells how it goes on and ends with the image', async () => {
  const registry = await standInRegistry(image);
  const events: ImageImportEvent[] = [];
  const imported = await admin.importImage(`${registry.host}/team/app:v1`, {
    name: 'mine:v2',
    onProgress: (event) => events.push(event),
  });
  expect(imported).toMatchObject({ name: 'mine:v2', digest: image.digest, layerCount: 1 });
  expect(events[0]).toMatchObject({ status: 'resolved', digest: image.digest, layerCount: 1 });
  expect(events.map(({ status }) => status)).toEqual(
    expect.arrayContaining(['resolved', 'downloading', 'unpacking', 'done']),
  );
});

test('what is wrong from the start is an error at once, what fails later is the last line', async () => {
  const refused = await server.fetch('/v1/images/import', {
    method: 'POST',
    body: JSON.stringify({ reference: 'UPPER' }),
  });
  expect([refused.status, await refused.json()]).toMatchObject([400, { code: 'invalid_request' }]);
  const registry = await standInRegistry(image, (_request, response) => {
    response.writeHead(404).end();
    return true;
  });
  const late = admin.importImage(`${registry.host}/none`);
  await expect(late).rejects.toMatchObject({
    message: expect.stringContaining('has no image'),
    hint: /docker login/,
  });
});

test('credentials of docker are used, and stay out of the log and the data directory', async () => {
  const registry = await standInRegistry(image, guarded);
  const folder = await tempDir();
  const auth = Buffer.from('me:s3cret-word').toString('base64');
  await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }));
  const env = { ATOLL_DATA_DIR: server.dataDir, DOCKER_CONFIG: folder };
  const pulled = await runCli(['image', 'pull', `${registry.host}/private`, '-n', 'secretly'], { env });
  expect([pulled.exitCode, pulled.stdout]).toEqual([0, 'secretly\n']);
  const without = await runCli(['sbx', 'image', 'import', `${registry.host}/private`], {
    env: { ATOLL_DATA_DIR: server.dataDir },
  });
  expect([without.exitCode, without.stderr]).toEqual([
    1,
    expect.stringMatching(/wants credentials[^]*docker login/),
  ]);
  expect(server.log.join('\n')).not.toMatch(/s3cret|czNjcmV0|bWU6czNjcmV0/);
  const found = promisify(execFile)('grep', ['-rlE', 's3cret|bWU6czNjcmV0', server.dataDir]);
  await expect(found).rejects.toMatchObject({ code: 1, stdout: '' });
});

test('a login of the workspace is used for its imports, is asked of the registry first, and stays secret', async () => {
  const registry = await standInRegistry(image, guarded);
  const env = { ATOLL_DATA_DIR: server.dataDir, DOCKER_CONFIG: await tempDir() };
  const cli = (args: string[], input = '') => runCli(args, { env, input });
  const login = ['registry', 'login', `${registry.host}/team`, '-u', 'me'];
  const pull = (name: string) => cli(['image', 'pull', `${registry.host}/${name}`]);
  expect(await cli(login, 'wrong-word\n')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('does not take this name and password'),
  });
  expect((await cli(['registry', 'ls'])).stdout).toMatch(/^no logins/);
  expect((await cli(login, 's3cret-word\n')).stdout).toBe(`Logged in at ${registry.host}/team as me\n`);
  expect((await cli(['registry', 'ls'])).stdout).toContain(`${registry.host}/team\tme\t`);
  expect(await pull('team/stored')).toMatchObject({ exitCode: 0, stdout: 'stored\n' });
  expect(await pull('other/beyond')).toMatchObject({ exitCode: 1 });
  const stranger = await admin.createAccount({ name: 'strangers', workspace: 'strangers', ownerName: 'S' });
  const theirs = new AdminClient({ apiUrl: server.url, apiKey: stranger.apiKey });
  const theirPull = theirs.importImage(`${registry.host}/team/stored`, { credentials: { auths: {} } });
  await expect(theirPull).rejects.toThrow(/wants credentials/);
  expect((await cli(['registry', 'logout', `${registry.host}/team`])).exitCode).toBe(0);
  expect(await pull('team/later')).toMatchObject({ exitCode: 1 });
  expect(server.log.join('\n')).not.toMatch(/s3cret|czNjcmV0|bWU6czNjcmV0/);
  const found = promisify(execFile)('grep', ['-rlE', 's3cret|bWU6czNjcmV0', server.dataDir]);
  await expect(found).rejects.toMatchObject({ code: 1, stdout: '' });
});

test('credential helpers are asked', async () => {
  const registry = await standInRegistry(image, guarded);
  const folder = await tempDir();
  const program = join(folder, 'docker-credential-stand-in');
  const script = `#!/bin/sh\nread registry\n[ "$1 $registry" = "get ${registry.host}" ] || exit 1\necho '{"Username":"me","Secret":"s3cret-word"}'\n`;
  await writeFile(program, script, { mode: 0o755 });
  await mkdir(join(folder, 'docker'));
  await writeFile(join(folder, 'docker', 'config.json'), JSON.stringify({ credsStore: 'stand-in' }));
  const env = {
    ATOLL_DATA_DIR: server.dataDir,
    DOCKER_CONFIG: join(folder, 'docker'),
    PATH: `${folder}:${process.env['PATH']}`,
  };
  const pulled = await runCli(['image', 'pull', `${registry.host}/helped`], { env });
  expect([pulled.stdout, pulled.exitCode]).toEqual(['helped\n', 0]);
});

test('a name is given, taken away and pruned from the command line', async () => {
  await registryClient(server).pushImage('default/cli-app', [{ path: 'cli', content: 'line' }], 'v1');
  const cli = (...args: string[]) => runCli(['image', ...args], { env: { ATOLL_DATA_DIR: server.dataDir } });
  expect((await cli('tag', 'cli-app:v1', 'cli-app:v2')).stdout).toBe('cli-app:v2\n');
  expect((await cli('rm', 'cli-app:v1')).stdout).toBe('Removed 1 image.\n');
  expect((await cli('describe', 'cli-app:v2')).stdout).toMatch(/Unique/);
  expect((await cli('rm', 'cli-app:v2')).exitCode).toBe(0);
  const again = await cli('rm', 'cli-app:v2');
  expect([again.exitCode, again.stderr]).toEqual([1, expect.stringContaining('image not found')]);
  const foreign = await cli('rm', 'tensorlake/debian-minimal');
  expect([foreign.exitCode, foreign.stderr]).toEqual([1, expect.stringContaining('another workspace')]);
  expect((await cli('prune', '--dry-run', '--older-than', '0')).stdout).toMatch(
    /^[^]*Would free .* blobs? and /,
  );
});

test('a server imports from another server', async () => {
  await registryClient(server).pushImage('default/source', [{ path: 'a', content: 'b' }], 'v1');
  const host = new URL(server.url).host;
  const auths = { [host]: { username: 'any', password: server.apiKey } };
  const imported = await admin.importImage(`${host}/default/source:v1`, {
    name: 'copied',
    credentials: { auths },
  });
  expect(imported.name).toBe('copied');
});
