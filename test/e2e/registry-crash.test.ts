import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdminClient } from '@atoll/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { imageOf, registryClient } from '../fixtures/registry-client.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { standInRegistry } from '../fixtures/stand-in-registry.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ runtime: 'fake' });
}, 60_000);
afterAll(() => server.close());

const temporary = (): string[] => readdirSync(join(server.dataDir, 'blobs', 'tmp'));
const blobNames = (): string[] => readdirSync(join(server.dataDir, 'blobs', 'sha256')).toSorted();
const prune = (): Promise<unknown> =>
  new AdminClient({ apiUrl: server.url, apiKey: server.apiKey }).pruneImages({ olderThanMs: 0 });
const json = async <T>(path: string): Promise<T> =>
  (await (await registryClient(server).call(path)).json()) as T; // OCI

/** Reads everything that the registry claims to have and returns the digests, each of them proven. */
async function verifyAll(): Promise<string[]> {
  const client = registryClient(server);
  const read = async (path: string, digest: string): Promise<Buffer> => {
    const bytes = Buffer.from(await (await client.call(path)).arrayBuffer());
    expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, path).toBe(digest);
    return bytes;
  };
  const seen = new Set<string>();
  const { repositories } = await json<{ repositories: string[] }>('/v2/_catalog');
  for (const name of repositories) {
    const { tags } = await json<{ tags: string[] }>(`/v2/${name}/tags/list`);
    for (const tag of tags) {
      const head = await client.call(`/v2/${name}/manifests/${tag}`, { method: 'HEAD' });
      const digest = head.headers.get('docker-content-digest') ?? '';
      const bytes = await read(`/v2/${name}/manifests/${tag}`, digest);
      const manifest = JSON.parse(bytes.toString()) as {
        config: { digest: string };
        layers: { digest: string }[];
      }; // OCI
      const parts = [manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)];
      for (const part of parts) await read(`/v2/${name}/blobs/${part}`, part);
      for (const one of [digest, ...parts]) seen.add(one);
    }
  }
  return [...seen];
}

/** Does not shrink by compression, and is the same for the same seed. */
const noise = (seed: string): string =>
  createHash('shake256', { outputLength: 200_000 }).update(seed).digest('hex');

/** Pushes until the server is gone; returns how many images got their answer. */
async function pushUntilGone(lane: string): Promise<string[]> {
  const client = registryClient(server);
  const acknowledged: string[] = [];
  for (let n = 0; ; n++) {
    try {
      await client.pushImage(
        `default/crash-${lane}`,
        [{ path: 'f', content: noise(`${lane}-${n}`) }],
        `v${n}`,
      );
      acknowledged.push(`default/crash-${lane} v${n}`);
    } catch {
      return acknowledged;
    }
  }
}

test('kill -9 in the middle of pushes leaves no corrupt blob, loses nothing acknowledged, and prune takes the rest', async () => {
  const baseBlobs = blobNames();
  const acknowledged: string[] = [];
  for (let round = 0; round < 4; round++) {
    const lanes = ['a', 'b', 'c'].map((lane) => pushUntilGone(`${round}${lane}`));
    await sleep(150 + Math.random() * 400);
    await server.kill9();
    acknowledged.push(...(await Promise.all(lanes)).flat());
    await server.restart();
    expect(temporary()).toEqual([]);
    await verifyAll();
  }
  const client = registryClient(server);
  for (const pushed of acknowledged) {
    const [name, tag] = pushed.split(' ');
    expect((await client.call(`/v2/${name}/manifests/${tag}`)).status, pushed).toBe(200);
  }
  await prune();
  const named = (await verifyAll()).map((digest) => digest.replace('sha256:', ''));
  expect(blobNames()).toEqual([...new Set([...baseBlobs, ...named])].toSorted());
});

test('kill -9 in the middle of a pull leaves nothing, and the next pull is whole', async () => {
  const image = imageOf([{ path: 'f', content: noise('pull') }]);
  let isSlow = true;
  const registry = await standInRegistry(image, ({ url }, response) => {
    if (!isSlow || url?.endsWith(image.layerDigest) !== true) return false;
    response.writeHead(200, { 'content-length': image.layer.length });
    response.write(image.layer.subarray(0, 1000));
    return true;
  });
  const importing = new AdminClient({ apiUrl: server.url, apiKey: server.apiKey }).importImage(
    `${registry.host}/team/slow:v1`,
  );
  const broken = expect(importing).rejects.toThrow(/went away|terminated|socket|fetch/i);
  await expect.poll(() => temporary().some((name) => name.startsWith('pull-')), { timeout: 5000 }).toBe(true);
  await server.kill9();
  await broken;
  await server.restart();
  expect(temporary()).toEqual([]);
  expect((await server.fetch('/v1/images/slow:v1')).status).toBe(404);
  isSlow = false;
  const admin = new AdminClient({ apiUrl: server.url, apiKey: server.apiKey });
  expect(await admin.importImage(`${registry.host}/team/slow:v1`)).toMatchObject({ digest: image.digest });
  await prune();
  expect(await verifyAll()).toContain(image.layerDigest);
});
