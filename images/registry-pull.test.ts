import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SourceUnavailable } from './recipe.ts';
import type { RegistrySource } from './recipe.ts';
import { parseChallenge, pullLayer } from './registry-pull.ts';

const layer = 'the bytes of a layer';
const digestOf = (body: string): string => `sha256:${createHash('sha256').update(body).digest('hex')}`;

let dir: string;
let server: Server;
let source: RegistrySource;
/** What the registry serves under /v2/library/ubuntu/, to those who bring the token. */
let contents: Map<string, string>;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atoll-pull-test-'));
  contents = new Map();
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', registryUrl());
    if (url.pathname === '/token')
      return response.end(JSON.stringify({ token: url.searchParams.get('scope') }));
    if (request.headers.authorization !== 'Bearer repository:library/ubuntu:pull') {
      const challenge = `Bearer realm="${registryUrl()}/token",service="test",scope="repository:library/ubuntu:pull"`;
      return response.writeHead(401, { 'www-authenticate': challenge }).end();
    }
    const body = contents.get(url.pathname.replace('/v2/library/ubuntu/', ''));
    return response.writeHead(body === undefined ? 404 : 200).end(body);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  source = { kind: 'registry', registry: registryUrl(), repository: 'library/ubuntu', tag: '24.04' };
});

afterEach(async () => {
  server.close();
  await rm(dir, { recursive: true, force: true });
});

function registryUrl(): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function serveImage(layers: readonly string[]): void {
  const descriptors = layers.map((body) => ({ digest: digestOf(body), size: body.length }));
  const config = JSON.stringify({ created: '2026-08-01T00:00:00Z' });
  const manifest = JSON.stringify({ config: { digest: digestOf(config) }, layers: descriptors });
  const platform = { os: 'linux', architecture: 'amd64' };
  const index = { manifests: [{ digest: digestOf(manifest), size: manifest.length, platform }] };
  contents.set('manifests/24.04', JSON.stringify(index));
  contents.set(`manifests/${digestOf(manifest)}`, manifest);
  contents.set(`blobs/${digestOf(config)}`, config);
  for (const body of layers) contents.set(`blobs/${digestOf(body)}`, body);
}

const pull = () => pullLayer(source, 'amd64', dir, AbortSignal.timeout(5_000));

it('fetches a token, picks the platform and saves the layer', async () => {
  serveImage([layer]);
  const pulled = await pull();
  expect(await readFile(pulled.layerFile, 'utf8')).toBe(layer);
  expect(pulled.created).toEqual(new Date('2026-08-01T00:00:00Z'));
});

it('refuses a layer whose content is not that of its digest', async () => {
  serveImage([layer]);
  contents.set(`blobs/${digestOf(layer)}`, 'something else here');
  await expect(pull()).rejects.toThrow(/digest is sha256:\w+, expected sha256:/);
});

it('an image of several layers is not a base', async () => {
  serveImage([layer, 'another layer']);
  await expect(pull()).rejects.toThrow(SourceUnavailable);
});

it('a platform that the image lacks is unavailable', async () => {
  serveImage([layer]);
  await expect(pullLayer(source, 'riscv64', dir, AbortSignal.timeout(5_000))).rejects.toThrow(
    'is not made for riscv64',
  );
});

it('a registry that does not have the image is unavailable', async () => {
  await expect(pull()).rejects.toThrow(/answered 404/);
});

it('a registry that nobody runs is unavailable at once', async () => {
  source = { ...source, registry: 'http://127.0.0.1:1' };
  await expect(pull()).rejects.toThrow(SourceUnavailable);
});

it('reads the parameters of a challenge, and none of another scheme', () => {
  expect(parseChallenge('Bearer realm="https://a/t",service="s"')).toEqual({
    realm: 'https://a/t',
    service: 's',
  });
  expect(parseChallenge('Basic realm="x"')).toEqual({});
});
