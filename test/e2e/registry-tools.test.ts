import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  dockerTypes,
  LayoutWriter,
  tarball,
  thisArchitecture,
  writeLayout,
} from '../fixtures/image-layout.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const root = join(import.meta.dirname, '..', '..');
const [craneVersion] =
  /CRANE_VERSION=(\S+)/.exec(readFileSync(join(root, 'scripts/setup/test-tools.sh'), 'utf8'))?.slice(1) ?? [];
const crane = join(root, '.compat', `crane-${craneVersion}`, 'crane');

let server: TestServer;
let host: string;
beforeAll(async () => {
  server = await startTestServer({ runtime: 'fake' });
  host = new URL(server.url).host;
}, 60_000);
afterAll(() => server.close());

/** Runs an image tool that finds its credentials where `docker login` would have put them. */
async function tool(program: string, ...args: string[]): Promise<string> {
  const home = await tempDir();
  const auth = Buffer.from(`somebody:${server.apiKey}`).toString('base64');
  await writeFile(join(home, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    DOCKER_CONFIG: home,
    REGISTRY_AUTH_FILE: join(home, 'config.json'),
  };
  const { stdout } = await promisify(execFile)(program, args, { env, timeout: 60_000 });
  return stdout.trim();
}

const skopeo = (...args: string[]) => tool('skopeo', '--insecure-policy', ...args);
const copy = (from: string, to: string, ...flags: string[]) =>
  skopeo('copy', '--src-tls-verify=false', '--dest-tls-verify=false', ...flags, from, to);
const layersOf = (mark: string) => [
  { tar: tarball([{ path: 'one', content: mark.repeat(100_000) }]) },
  { tar: tarball([{ path: 'two', content: mark }]), compression: 'zstd' as const },
];
const describeImage = async (name: string): Promise<{ digest: string }> =>
  (await (await server.fetch(`/v1/images/${encodeURIComponent(name)}`)).json()) as { digest: string }; // the route's answer

describe('skopeo', () => {
  test('pushes and pulls an image, byte for byte', async () => {
    const dir = await tempDir();
    const digest = await writeLayout(join(dir, 'in'), { layers: layersOf('a') });
    await copy(`oci:${join(dir, 'in')}`, `docker://${host}/default/by-skopeo:v1`);
    expect(await describeImage('by-skopeo:v1')).toMatchObject({ digest, layerCount: 2 });
    await copy(`docker://${host}/default/by-skopeo:v1`, `oci:${join(dir, 'out')}:v1`);
    const blobs = (name: string) => readdir(join(dir, name, 'blobs', 'sha256'));
    expect((await blobs('out')).toSorted()).toEqual((await blobs('in')).toSorted());
  });

  test('pushes Docker’s own format', async () => {
    const dir = await tempDir();
    const digest = await writeLayout(join(dir, 'in'), { layers: [{ tar: tarball([]) }] });
    await copy(`oci:${join(dir, 'in')}`, `docker://${host}/default/docker:v1`, '--format', 'v2s2');
    const pushed = await describeImage('docker:v1');
    expect(pushed.digest).not.toBe(digest);
    const raw = await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${host}/default/docker:v1`);
    expect(JSON.parse(raw)).toMatchObject({
      mediaType: dockerTypes.manifest,
      layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip' }],
    });
  });

  test('copies an index with all its platforms, lists tags, and deletes', async () => {
    const dir = await tempDir();
    const layout = new LayoutWriter(join(dir, 'in'));
    const own = await layout.image({ layers: layersOf('b') });
    const other = await layout.image({ layers: layersOf('c'), architecture: 'riscv64' });
    const platform = (architecture: string) => ({ platform: { os: 'linux', architecture } });
    const index = await layout.blob(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: [
          { ...other, ...platform('riscv64') },
          { ...own, ...platform(thisArchitecture) },
        ],
      }),
      'application/vnd.oci.image.index.v1+json',
    );
    await layout.index([index]);
    await copy(`oci:${join(dir, 'in')}`, `docker://${host}/default/multi:v1`, '--all');
    expect(await describeImage('multi:v1')).toMatchObject({ digest: own.digest });
    const tags = await skopeo('list-tags', '--tls-verify=false', `docker://${host}/default/multi`);
    expect(JSON.parse(tags)).toMatchObject({ Tags: ['v1'] });
    await skopeo('delete', '--tls-verify=false', `docker://${host}/default/multi:v1`);
    expect((await server.fetch('/v1/images/multi:v1')).status).toBe(404);
  });

  test('logs in with a key and is refused without', async () => {
    const file = join(await tempDir(), 'auth.json');
    const login = (key: string) =>
      skopeo('login', '--tls-verify=false', '-u', 'x', '-p', key, '--authfile', file, host);
    await expect(login('wrong-key-wrong-key')).rejects.toThrow(/invalid username\/password|unauthorized/i);
    expect(await login(server.apiKey)).toMatch(/login succeeded/i);
  });
});

describe('crane', () => {
  test('pushes by PATCH, copies, lists and deletes', async () => {
    expect(existsSync(crane), 'crane is missing: run scripts/setup.sh test-tools').toBe(true);
    const dir = await tempDir();
    const digest = await writeLayout(join(dir, 'in'), { layers: layersOf('d') });
    await copy(`oci:${join(dir, 'in')}`, `docker://${host}/default/crane:v1`);
    const run = (...args: string[]) => tool(crane, '--insecure', ...args);
    expect(await run('digest', `${host}/default/crane:v1`)).toBe(digest);
    await run('pull', '--format', 'oci', `${host}/default/crane:v1`, join(dir, 'pulled'));
    expect(await run('push', join(dir, 'pulled'), `${host}/default/crane-push:v2`)).toContain(digest);
    await run('copy', `${host}/default/crane:v1`, `${host}/default/crane-copy:v3`);
    await run('tag', `${host}/default/crane-copy:v3`, 'v4');
    expect((await run('ls', `${host}/default/crane-copy`)).split('\n').toSorted()).toEqual(['v3', 'v4']);
    expect(await describeImage('crane-copy:v4')).toMatchObject({ digest });
    expect((await run('catalog', host)).split('\n')).toEqual(
      expect.arrayContaining(['default/crane', 'default/crane-copy', 'default/crane-push']),
    );
    await run('delete', `${host}/default/crane-copy@${digest}`);
    expect((await server.fetch('/v1/images/crane-copy:v4')).status).toBe(404);
  });
});
