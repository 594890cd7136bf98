import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../fixtures/image-layout.ts';
import {
  clientOfRole,
  errorCode,
  otherWorkspace,
  registryClient,
  sha512Of,
} from '../fixtures/registry-client.ts';
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
    const viewer = await clientOfRole(server, 'viewer');
    const image = await client.pushImage('default/viewed', hello, 'v1');
    expect((await viewer.call('/v2/default/viewed/manifests/v1')).status).toBe(200);
    expect(await errorCode(await viewer.pushBlob('default/viewed', image.layer))).toBe('403 DENIED');
    const removal = await viewer.call('/v2/default/viewed/manifests/v1', { method: 'DELETE' });
    expect(await errorCode(removal)).toBe('403 DENIED');
  });

  test('of another workspace neither pulls nor pushes nor mounts', async () => {
    const other = await otherWorkspace(server, 'elsewhere');
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
    const other = await otherWorkspace(server, 'puller');
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

  test('that was cut short is not taken', async () => {
    const { port, hostname } = new URL(server.url);
    const at = await client.begin('default/cut');
    const socket = connect(Number(port), hostname);
    const head = `PUT ${at}?digest=${digestOf('01234')} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.apiKey}\r\n`;
    socket.write(`${head}content-length: 10\r\n\r\n01234`);
    await expect.poll(async () => (await client.call(at)).headers.get('range')).toBe('0-4');
    socket.destroy();
    await client.pushBlob('default/cut', 'another');
    const blob = await client.call(`/v2/default/cut/blobs/${digestOf('01234')}`);
    expect(await errorCode(blob)).toBe('404 BLOB_UNKNOWN');
  });
});
