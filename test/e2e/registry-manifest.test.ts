import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf, ociTypes } from '../fixtures/image-layout.ts';
import { errorCode, imageOf, otherWorkspace, registryClient, sha512Of } from '../fixtures/registry-client.ts';
import type { RegistryClient } from '../fixtures/registry-client.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';

let server: TestServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startTestServer({ runtime: 'fake' });
  client = registryClient(server);
}, 60_000);
afterAll(() => server.close());

const hello = [{ path: 'hello', content: 'world' }];
const emptyDigest = `sha256:${'0'.repeat(64)}`;
const indexType = 'application/vnd.oci.image.index.v1+json';

describe('a manifest', () => {
  test('is read by tag and by digest, and deleted by both', async () => {
    const image = await client.pushImage('default/team/app', hello, 'v1');
    for (const reference of ['v1', image.digest]) {
      const response = await client.call(`/v2/default/team/app/manifests/${reference}`);
      expect(response.headers.get('content-type')).toBe(ociTypes.manifest);
      expect(response.headers.get('docker-content-digest')).toBe(image.digest);
      expect(await response.text()).toBe(image.manifest);
    }
    const remove = (reference: string) =>
      client.call(`/v2/default/team/app/manifests/${reference}`, { method: 'DELETE' });
    expect((await remove('v1')).status).toBe(202);
    expect(await errorCode(await remove('v1'))).toBe('404 MANIFEST_UNKNOWN');
    expect((await client.call(`/v2/default/team/app/manifests/${image.digest}`)).status).toBe(200);
    expect((await remove(image.digest)).status).toBe(202);
    expect(await errorCode(await client.call(`/v2/default/team/app/manifests/${image.digest}`))).toBe(
      '404 MANIFEST_UNKNOWN',
    );
  });

  test('under a tag is an image at once', async () => {
    const image = await client.pushImage('default/usable', hello, 'v2');
    const described = await server.fetch('/v1/images/usable:v2');
    expect(await described.json()).toMatchObject({ name: 'usable:v2', digest: image.digest, layerCount: 1 });
  });

  test('has to name blobs that are here, with their sizes', async () => {
    const image = imageOf([{ path: 'missing' }]);
    expect(await errorCode(await client.putManifest('default/parts', 'v1', image.manifest))).toBe(
      '404 MANIFEST_BLOB_UNKNOWN',
    );
    await client.pushBlob('default/parts', image.layer);
    await client.pushBlob('default/parts', image.config);
    const lie = image.manifest.replace(`"size":${image.layer.length}`, '"size":1');
    expect(await errorCode(await client.putManifest('default/parts', 'v1', lie))).toBe(
      '400 MANIFEST_INVALID',
    );
    expect((await client.putManifest('default/parts', 'v1', image.manifest)).status).toBe(201);
  });

  test.each([
    ['no JSON', 'v1', '{', ociTypes.manifest, '400 MANIFEST_INVALID'],
    ['no manifest', 'v1', '{"schemaVersion":2}', ociTypes.manifest, '400 MANIFEST_INVALID'],
    [
      'of an old schema',
      'v1',
      '{"schemaVersion":1}',
      'application/vnd.docker.distribution.manifest.v1+json',
      '400 MANIFEST_INVALID',
    ],
    [
      'of another type than it says',
      'v1',
      JSON.stringify({ schemaVersion: 2, mediaType: indexType }),
      ociTypes.manifest,
      '400 MANIFEST_INVALID',
    ],
    ['with another digest', emptyDigest, '{"schemaVersion":2}', ociTypes.manifest, '400 DIGEST_INVALID'],
    ['larger than 4 MiB', 'v1', ' '.repeat(4 * 1024 * 1024 + 1), ociTypes.manifest, '413 SIZE_INVALID'],
    ['under an impossible tag', '-v1', '{}', ociTypes.manifest, '400 NAME_INVALID'],
  ])('%s is refused', async (_, reference, manifest, type, code) => {
    expect(await errorCode(await client.putManifest('default/refused', reference, manifest, type))).toBe(
      code,
    );
  });

  test('under sha512 is found by it', async () => {
    const image = await client.pushImage('default/strong', hello, 'v1');
    const strong = sha512Of(image.manifest);
    const put = await client.putManifest('default/strong', strong, image.manifest);
    expect([put.status, put.headers.get('docker-content-digest')]).toEqual([201, strong]);
    expect((await client.call(`/v2/default/strong/manifests/${strong}`)).status).toBe(200);
  });
});

describe('an index', () => {
  test('needs its entries and gives sandboxes the one for this machine', async () => {
    const own = await client.pushImage('default/multi', hello);
    const foreign = imageOf(hello, 'riscv64');
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: indexType,
      manifests: [foreign, own].map(({ digest, manifest }, n) => ({
        mediaType: ociTypes.manifest,
        digest,
        size: Buffer.byteLength(manifest),
        platform: { os: 'linux', architecture: n === 0 ? 'riscv64' : JSON.parse(own.config).architecture },
      })),
    });
    const put = () => client.putManifest('default/multi', 'v1', index, indexType);
    expect(await errorCode(await put())).toBe('404 MANIFEST_BLOB_UNKNOWN');
    await client.pushBlob('default/multi', foreign.config);
    expect((await client.putManifest('default/multi', foreign.digest, foreign.manifest)).status).toBe(201);
    expect((await put()).status).toBe(201);
    const tagged = await client.call('/v2/default/multi/manifests/v1');
    expect(tagged.headers.get('docker-content-digest')).toBe(digestOf(index));
    const described = await server.fetch('/v1/images/multi:v1');
    expect(await described.json()).toMatchObject({ digest: own.digest });
  });

  test('of a platform that this machine is not can be kept but not started', async () => {
    const image = imageOf(hello, 'riscv64');
    await client.pushBlob('default/foreign', image.layer);
    await client.pushBlob('default/foreign', image.config);
    expect((await client.putManifest('default/foreign', 'v1', image.manifest)).status).toBe(201);
    expect((await server.fetch('/v1/images/foreign:v1')).status).toBe(404);
    expect((await client.call('/v2/default/foreign/manifests/v1')).status).toBe(200);
  });
});

interface Index {
  manifests: { artifactType: string }[];
}

describe('referrers', () => {
  test('that have large annotations come a few at a time', async () => {
    const name = 'default/annotated';
    const image = await client.pushImage(name, hello, 'v1');
    await client.pushBlob(name, '{}');
    const pushed = ['a', 'b', 'c'].map((letter) =>
      JSON.stringify({
        schemaVersion: 2,
        mediaType: ociTypes.manifest,
        config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 },
        layers: [],
        subject: { mediaType: ociTypes.manifest, digest: image.digest, size: image.manifest.length },
        annotations: { text: letter.repeat(1_400_000) },
      }),
    );
    for (const manifest of pushed) {
      expect((await client.putManifest(name, digestOf(manifest), manifest)).status).toBe(201);
    }
    const counts: number[] = [];
    for (let path = `/v2/${name}/referrers/${image.digest}`; path !== '';) {
      const page = await client.call(path);
      counts.push(((await page.json()) as Index).manifests.length);
      path = /^<(.+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1] ?? '';
    }
    expect(counts).toEqual([2, 1]);
  });

  test('of a manifest are listed and filtered', async () => {
    const name = 'default/signed';
    const image = await client.pushImage(name, hello, 'v1');
    await client.pushBlob(name, '{}');
    const artifact = (artifactType: string) =>
      JSON.stringify({
        schemaVersion: 2,
        mediaType: ociTypes.manifest,
        artifactType,
        config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 },
        layers: [],
        subject: { mediaType: ociTypes.manifest, digest: image.digest, size: image.manifest.length },
        annotations: { by: artifactType },
      });
    for (const type of ['test/signature', 'test/sbom']) {
      const put = await client.putManifest(name, digestOf(artifact(type)), artifact(type));
      expect([put.status, put.headers.get('oci-subject')]).toEqual([201, image.digest]);
    }
    const list = async (query = '') => {
      const response = await client.call(`/v2/${name}/referrers/${image.digest}${query}`);
      const { manifests } = (await response.json()) as { manifests: { artifactType: string }[] }; // OCI index
      return [
        response.headers.get('oci-filters-applied'),
        manifests.map((one) => one.artifactType).toSorted(),
      ];
    };
    expect(await list()).toEqual([null, ['test/sbom', 'test/signature']]);
    expect(await list('?artifactType=test/sbom')).toEqual(['artifactType', ['test/sbom']]);
    const first = await client.call(`/v2/${name}/referrers/${image.digest}?n=1`);
    const [, rest = ''] = /^<(.+)>; rel="next"$/.exec(first.headers.get('link') ?? '') ?? [];
    const second = await client.call(rest);
    expect(second.headers.get('link')).toBeNull();
    const pages = await Promise.all([first, second].map(async (page) => (await page.json()) as Index));
    expect(pages.map(({ manifests }) => manifests.length)).toEqual([1, 1]);
    expect(pages.flatMap(({ manifests }) => manifests.map((one) => one.artifactType)).toSorted()).toEqual([
      'test/sbom',
      'test/signature',
    ]);
    const none = await client.call(`/v2/${name}/referrers/${emptyDigest}`);
    expect([none.status, none.headers.get('content-type')]).toEqual([200, indexType]);
    expect(await none.json()).toMatchObject({ manifests: [] });
  });
});

describe('lists', () => {
  test('of tags come in order and in pages', async () => {
    const name = 'default/tags';
    const image = await client.pushImage(name, hello);
    for (const tag of ['b', 'a', 'C', 'd']) await client.putManifest(name, tag, image.manifest);
    const all = await client.call(`/v2/${name}/tags/list`);
    expect(await all.json()).toEqual({ name, tags: ['C', 'a', 'b', 'd'] });
    const page = await client.call(`/v2/${name}/tags/list?n=2`);
    expect(page.headers.get('link')).toBe(`</v2/${name}/tags/list?n=2&last=a>; rel="next"`);
    const rest = await client.call(`/v2/${name}/tags/list?n=2&last=a`);
    expect([rest.headers.get('link'), await rest.json()]).toEqual([null, { name, tags: ['b', 'd'] }]);
    expect(await errorCode(await client.call(`/v2/${name}/tags/list?n=x`))).toBe(
      '400 PAGINATION_NUMBER_INVALID',
    );
    expect(await errorCode(await client.call('/v2/default/none/tags/list'))).toBe('404 NAME_UNKNOWN');
  });

  test('of repositories hold those of the key’s workspace', async () => {
    const other = await otherWorkspace(server, 'catalog');
    await other.pushImage('catalog/b/c', hello, 'v1');
    await other.pushImage('catalog/a', hello, 'v1');
    const all = await other.call('/v2/_catalog');
    expect(await all.json()).toEqual({ repositories: ['catalog/a', 'catalog/b/c'] });
    const page = await other.call('/v2/_catalog?n=1');
    expect(page.headers.get('link')).toBe('</v2/_catalog?n=1&last=catalog%2Fa>; rel="next"');
    const rest = await other.call('/v2/_catalog?n=1&last=catalog%2Fa');
    expect(await rest.json()).toEqual({ repositories: ['catalog/b/c'] });
  });
});

describe('paths', () => {
  test.each([
    ['GET', '/v2/default/x/other', '404 NAME_UNKNOWN'],
    ['GET', '/v2/x/tags/list', '404 NAME_UNKNOWN'],
    ['GET', '/v2/default/..%2f..%2fetc/blobs/sha256:0', '404 NAME_UNKNOWN'],
    ['PUT', '/v2/default/..%2fup/manifests/v1', '400 NAME_INVALID'],
    ['POST', '/v2/default/UPPER/blobs/uploads/', '400 NAME_INVALID'],
    ['POST', '/v2/default/tensorlake/x/blobs/uploads/', '400 NAME_INVALID'],
    ['GET', '/v2/default/x/%zz', '400 NAME_INVALID'],
    ['POST', '/v2/', '405 UNSUPPORTED'],
    ['PATCH', '/v2/default/x/manifests/v1', '405 UNSUPPORTED'],
    ['GET', '/v2/default/x/blobs/uploads/', '405 UNSUPPORTED'],
  ])('%s %s is refused', async (method, path, code) => {
    // fetch would resolve dots before sending.
    const { stdout } = await promisify(execFile)('curl', [
      '-s',
      '--path-as-is',
      `-X${method}`,
      '-w %{http_code}',
      `-Hauthorization: Bearer ${server.apiKey}`,
      `${server.url}${path}`,
    ]);
    const [, ociCode, status] = /"code":"(\w+)".* (\d+)$/.exec(stdout) ?? [];
    expect(`${status} ${ociCode}`).toBe(code);
  });
});
