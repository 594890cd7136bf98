import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf, ociTypes } from '../fixtures/image-layout.ts';
import { errorCode, imageOf, registryClient, sha512Of } from '../fixtures/registry-client.ts';
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

/** A key of a workspace of its own. */
async function otherWorkspace(name: string): Promise<RegistryClient> {
  const body = JSON.stringify({ name, workspace: name, ownerName: name });
  const headers = { 'content-type': 'application/json' };
  const response = await server.fetch('/v1/accounts', { method: 'POST', body, headers });
  const { apiKey } = (await response.json()) as { apiKey: string }; // the route's answer
  return registryClient({ url: server.url, apiKey });
}

async function keyOf(role: string): Promise<RegistryClient> {
  const body = JSON.stringify({ name: role, role });
  const headers = { 'content-type': 'application/json' };
  const response = await server.fetch('/v1/keys', { method: 'POST', body, headers });
  const { value } = (await response.json()) as { value: string }; // the route's answer
  return registryClient({ url: server.url, apiKey: value });
}

describe('a key', () => {
  test('is asked for as basic authentication', async () => {
    const response = await fetch(`${server.url}/v2/`);
    expect(response.headers.get('www-authenticate')).toBe('Basic realm="Atoll"');
    expect(response.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
    expect(await errorCode(response)).toBe('401 UNAUTHORIZED');
  });

  test.each(['Bearer', 'Basic'])('is taken as %s', async (scheme) => {
    const credentials =
      scheme === 'Bearer' ? server.apiKey : Buffer.from(`anybody:${server.apiKey}`).toString('base64');
    const response = await client.call('/v2/', { headers: { authorization: `${scheme} ${credentials}` } });
    expect([response.status, await response.json()]).toEqual([200, {}]);
  });

  test('of a viewer pulls and does not push', async () => {
    const viewer = await keyOf('viewer');
    const image = await client.pushImage('default/viewed', hello, 'v1');
    expect((await viewer.call('/v2/default/viewed/manifests/v1')).status).toBe(200);
    expect(await errorCode(await viewer.pushBlob('default/viewed', image.layer))).toBe('403 DENIED');
    const removal = await viewer.call('/v2/default/viewed/manifests/v1', { method: 'DELETE' });
    expect(await errorCode(removal)).toBe('403 DENIED');
  });

  test('of another workspace neither pulls nor pushes nor mounts', async () => {
    const other = await otherWorkspace('elsewhere');
    const image = await client.pushImage('default/private', hello, 'v1');
    const path = '/v2/default/private';
    expect(await errorCode(await other.call(`${path}/manifests/v1`))).toBe('404 NAME_UNKNOWN');
    expect(await errorCode(await other.call(`${path}/blobs/${image.layerDigest}`))).toBe('404 NAME_UNKNOWN');
    expect(await errorCode(await other.call(`${path}/tags/list`))).toBe('404 NAME_UNKNOWN');
    expect(await errorCode(await other.pushBlob('default/private', 'x'))).toBe('403 DENIED');
    const mount = `/v2/elsewhere/mine/blobs/uploads/?mount=${image.layerDigest}&from=default/private`;
    expect((await other.call(mount, { method: 'POST' })).status).toBe(202);
    // The blob is on this server, but not where this key may see it.
    const head = await other.call(`/v2/elsewhere/mine/blobs/${image.layerDigest}`);
    expect(head.status).toBe(404);
    await other.pushBlob('elsewhere/mine', image.config);
    expect(await errorCode(await other.putManifest('elsewhere/mine', 'v1', image.manifest))).toBe(
      '404 MANIFEST_BLOB_UNKNOWN',
    );
  });

  test('of any workspace pulls the base images, and nobody pushes there', async () => {
    const other = await otherWorkspace('puller');
    const manifest = await other.call('/v2/tensorlake/debian-minimal/manifests/latest');
    expect(manifest.status).toBe(200);
    const { layers } = (await manifest.json()) as { layers: { digest: string; size: number }[] }; // OCI
    const blob = await other.call(`/v2/tensorlake/debian-minimal/blobs/${layers[0]?.digest}`, {
      method: 'HEAD',
    });
    expect(Number(blob.headers.get('content-length'))).toBe(layers[0]?.size);
    expect(await errorCode(await client.pushBlob('tensorlake/debian-minimal', 'x'))).toBe('403 DENIED');
  });
});

describe('a blob', () => {
  const bytes = Buffer.from('0123456789');
  const digest = digestOf(bytes);
  const path = `/v2/default/blobs/blobs/${digest}`;

  test('is pushed by POST and PUT', async () => {
    const at = await client.begin('default/put');
    const put = await client.call(`${at}?digest=${digest}`, { method: 'PUT', body: bytes });
    expect([put.status, put.headers.get('docker-content-digest')]).toEqual([201, digest]);
    const location = put.headers.get('location') ?? '';
    expect(await (await client.call(location)).text()).toBe('0123456789');
  });

  test('is pushed by one POST, with sha512 too', async () => {
    const strong = sha512Of(bytes);
    expect((await client.pushBlob('default/blobs', bytes, strong)).status).toBe(201);
    expect(await (await client.call(`/v2/default/blobs/blobs/${strong}`)).text()).toBe('0123456789');
  });

  test('is pushed in chunks, which have to follow each other', async () => {
    let at = await client.begin('default/chunks');
    const patch = async (range: string, chunk: string) => {
      const response = await client.call(at, {
        method: 'PATCH',
        body: chunk,
        headers: { 'content-range': range },
      });
      at = response.headers.get('location') ?? at;
      return [response.status, response.headers.get('range')];
    };
    expect(await patch('0-3', '0123')).toEqual([202, '0-3']);
    expect(await patch('6-9', '6789')).toEqual([416, '0-3']);
    expect(await patch('4-9', '45')).toEqual([400, null]);
    expect(await patch('nonsense', '45')).toEqual([400, null]);
    expect(await patch('4-5', '45')).toEqual([202, '0-5']);
    const status = await client.call(at);
    expect([status.status, status.headers.get('range')]).toEqual([204, '0-5']);
    const put = await client.call(`${at}?digest=${digest}`, {
      method: 'PUT',
      body: '6789',
      headers: { 'content-range': '6-9' },
    });
    expect(put.status).toBe(201);
    expect(await errorCode(await client.call(at))).toBe('404 BLOB_UPLOAD_UNKNOWN');
  });

  test('is read whole, in part, and by HEAD', async () => {
    await client.pushBlob('default/blobs', bytes);
    const get = async (range?: string) => {
      const response = await client.call(path, { headers: range === undefined ? {} : { range } });
      return [response.status, response.headers.get('content-range'), await response.text()];
    };
    expect(await get()).toEqual([200, null, '0123456789']);
    expect(await get('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '234']);
    expect(await get('bytes=7-')).toEqual([206, 'bytes 7-9/10', '789']);
    expect(await get('bytes=-2')).toEqual([206, 'bytes 8-9/10', '89']);
    expect(await get('bytes=10-')).toEqual([416, 'bytes */10', '']);
    expect(await get('lines=1-2')).toEqual([200, null, '0123456789']);
    const head = await client.call(path, { method: 'HEAD' });
    expect([
      head.status,
      head.headers.get('content-length'),
      head.headers.get('docker-content-digest'),
    ]).toEqual([200, '10', digest]);
  });

  test('is mounted from another repository', async () => {
    await client.pushBlob('default/blobs', bytes);
    const query = `mount=${digest}&from=default/blobs`;
    const mounted = await client.call(`/v2/default/mounted/blobs/uploads/?${query}`, { method: 'POST' });
    expect([mounted.status, mounted.headers.get('location')]).toEqual([
      201,
      `/v2/default/mounted/blobs/${digest}`,
    ]);
    expect((await client.call(`/v2/default/mounted/blobs/${digest}`)).status).toBe(200);
    const unknown = `mount=${emptyDigest}&from=default/blobs`;
    expect(
      (await client.call(`/v2/default/mounted/blobs/uploads/?${unknown}`, { method: 'POST' })).status,
    ).toBe(202);
  });

  test('is deleted unless a manifest needs it', async () => {
    await client.pushBlob('default/deleted', bytes);
    const at = `/v2/default/deleted/blobs/${digest}`;
    expect((await client.call(at, { method: 'DELETE' })).status).toBe(202);
    expect(await errorCode(await client.call(at, { method: 'DELETE' }))).toMatch(/^404/);
    const image = await client.pushImage('default/deleted', hello);
    const needed = await client.call(`/v2/default/deleted/blobs/${image.layerDigest}`, { method: 'DELETE' });
    expect(await errorCode(needed)).toBe('405 UNSUPPORTED');
  });

  test('with another digest than promised is refused and leaves nothing', async () => {
    expect(await errorCode(await client.pushBlob('default/wrong', 'other', digest))).toBe(
      '400 DIGEST_INVALID',
    );
    const at = await client.begin('default/wrong');
    const put = await client.call(`${at}?digest=${digest}`, { method: 'PUT', body: 'other' });
    expect(await errorCode(put)).toBe('400 DIGEST_INVALID');
    expect((await client.call(at)).status).toBe(404);
    const none = await client.call(`${await client.begin('default/wrong')}`, { method: 'PUT' });
    expect(await errorCode(none)).toBe('400 DIGEST_INVALID');
  });

  test('whose upload was cancelled is unknown', async () => {
    const at = await client.begin('default/cancelled');
    expect((await client.call(at, { method: 'DELETE' })).status).toBe(204);
    expect(await errorCode(await client.call(at, { method: 'PATCH', body: 'x' }))).toBe(
      '404 BLOB_UPLOAD_UNKNOWN',
    );
    expect(await errorCode(await client.call(at.replace('cancelled', 'other')))).toBe(
      '404 BLOB_UPLOAD_UNKNOWN',
    );
  });

  test('whose upload breaks off goes on where it stopped', async () => {
    const at = await client.begin('default/broken');
    const { port, hostname } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      `PATCH ${at} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.apiKey}\r\ncontent-length: 10\r\n\r\n01234`,
    );
    const range = async () => (await client.call(at)).headers.get('range');
    await expect.poll(range).toBe('0-4');
    socket.destroy();
    const resume = () =>
      client.call(at, { method: 'PATCH', body: '56789', headers: { 'content-range': '5-9' } });
    await expect.poll(async () => (await resume()).status).toBe(202);
    expect((await client.call(`${at}?digest=${digest}`, { method: 'PUT' })).status).toBe(201);
  });
});

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

describe('referrers', () => {
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
    const other = await otherWorkspace('catalog');
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
      ...['-s', '--path-as-is', '-X', method, '-w', ' %{http_code}', `${server.url}${path}`],
      ...['-H', `authorization: Bearer ${server.apiKey}`],
    ]);
    const [, ociCode, status] = /"code":"(\w+)".* (\d+)$/.exec(stdout) ?? [];
    expect(`${status} ${ociCode}`).toBe(code);
  });
});
