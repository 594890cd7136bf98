import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openStore } from '../../../../test/fixtures/image-store.ts';
import { digestOf } from '../../../../test/fixtures/image-layout.ts';
import { imageOf } from '../../../../test/fixtures/registry-client.ts';
import { standInRegistry } from '../../../../test/fixtures/stand-in-registry.ts';
import type { Misbehaviour } from '../../../../test/fixtures/stand-in-registry.ts';
import { tempDir } from '../../../../test/fixtures/temp-dir.ts';
import type { DockerConfig } from './registry-credentials.ts';
import { defaultRemoteLimits } from './remote-http.ts';

const remoteLimits = {
  ...defaultRemoteLimits,
  headTimeoutMs: 300,
  idleTimeoutMs: 300,
  retryPausesMs: [10, 20],
  maxRetryAfterMs: 2000,
};
const image = imageOf([{ path: 'file', content: 'x'.repeat(200_000) }]);

async function importing(
  misbehave?: Misbehaviour,
  dockerConfig?: (host: string) => DockerConfig,
  insecureRegistries: string[] = [],
) {
  const dataDir = join(await tempDir(), 'data');
  const store = await openStore(dataDir, { canUnpack: false, remoteLimits, insecureRegistries });
  const registry = await standInRegistry(image, misbehave);
  const run = async (signal = AbortSignal.timeout(20_000), reference = `${registry.host}/team/app:v1`) => {
    const config = dockerConfig && { dockerConfig: dockerConfig(registry.host) };
    const id = await store.remote.prepare({ workspaceId: 'w1', reference, ...config })({ signal });
    return store.describe('w1', id);
  };
  const leftovers = () => readdirSync(join(dataDir, 'blobs', 'tmp'));
  return { store, registry, run, leftovers, dataDir };
}

const isBlob = (url: string | undefined): boolean => url?.endsWith(image.layerDigest) === true;
const auths = (entry: object) => (host: string) => ({ auths: { [host]: entry } });
const basicOf = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

test('an image comes in under its own name and is a base for people to see', async () => {
  const { run, registry } = await importing();
  expect(await run()).toMatchObject({
    name: 'app:v1',
    digest: image.digest,
    base: `${registry.host}/team/app:v1`,
  });
});

test('what is here already is not fetched again', async () => {
  const { run, registry } = await importing();
  await run();
  registry.requests.length = 0;
  await run();
  expect(registry.requests).toEqual(['GET /v2/team/app/manifests/v1']);
});

test('a blob of another workspace is no proof of having it', async () => {
  const { store, run, registry } = await importing();
  await run();
  registry.requests.length = 0;
  const reference = `${registry.host}/team/app:v1`;
  await store.remote.prepare({ workspaceId: 'w2', reference })({ signal: AbortSignal.timeout(5000) });
  expect(registry.requests.filter((line) => line.includes('/blobs/'))).toHaveLength(2);
});

describe('a registry', () => {
  test('that breaks off is asked for the rest', async () => {
    let cuts = 0;
    const { run, registry } = await importing(({ url, headers }, response) => {
      if (!isBlob(url) || cuts++ >= 3) return false;
      const start = Number(/\d+/.exec(headers.range ?? '')?.[0] ?? 0);
      const range = { 'content-range': `bytes ${start}-${image.layer.length - 1}/${image.layer.length}` };
      response.writeHead(start > 0 ? 206 : 200, { 'content-length': image.layer.length - start, ...range });
      response.write(image.layer.subarray(start, start + 50), () => setTimeout(() => response.destroy(), 20));
      return true;
    });
    expect(await run()).toMatchObject({ digest: image.digest });
    expect(registry.requests.filter((line) => line.endsWith(image.layerDigest))).toHaveLength(4);
  });

  test('that knows no ranges is read from the start again', async () => {
    let cuts = 0;
    const { run } = await importing(({ url, headers }, response) => {
      if (!isBlob(url)) return false;
      delete headers.range;
      if (cuts++ > 0) return false;
      response.writeHead(200, { 'content-length': image.layer.length });
      response.write(image.layer.subarray(0, 100), () => setTimeout(() => response.destroy(), 20));
      return true;
    });
    expect(await run()).toMatchObject({ digest: image.digest });
  });

  test.each([429, 500, 503])('that answers %i once is asked again', async (status) => {
    let count = 0;
    const { run } = await importing((_request, response) => {
      if (count++ > 0) return false;
      response.writeHead(status, { 'retry-after': '0' }).end();
      return true;
    });
    expect(await run()).toMatchObject({ digest: image.digest });
  });

  const answer =
    (status: number, headers: Record<string, string> = {}, body = ''): Misbehaviour =>
    (_request, response) => {
      response.writeHead(status, headers).end(body);
      return true;
    };
  const forBlob =
    (misbehave: Misbehaviour): Misbehaviour =>
    (request, response) =>
      isBlob(request.url) ? misbehave(request, response) : false;
  const otherLayer = Buffer.alloc(image.layer.length, 'y');
  const hang: Misbehaviour = () => true;
  const stall: Misbehaviour = (_request, response) => {
    response.writeHead(200, { 'content-length': image.layer.length }).flushHeaders();
    return true;
  };
  test.each<[string, Misbehaviour, string, RegExp]>([
    ['answers 429 for ever', answer(429), 'registry_failed', /answers 429/],
    ['wants an hour of patience', answer(429, { 'retry-after': '3600' }), 'registry_failed', /answers 429/],
    ['answers 500 for ever', answer(500), 'registry_failed', /answers 500/],
    [
      'answers 401',
      answer(401, { 'www-authenticate': 'Basic realm="x"' }),
      'registry_denied',
      /wants credentials/,
    ],
    ['answers 403', answer(403), 'registry_denied', /wants credentials/],
    ['answers 404', answer(404), 'image_not_found', /has no image/],
    ['hangs', hang, 'registry_failed', /no answer within 300 ms/],
    ['hangs in a blob', forBlob(stall), 'registry_failed', /breaks off again and again/],
    ['sends another blob', forBlob(answer(200, {}, otherLayer.toString())), 'invalid_request', /instead of/],
    ['sends too little', forBlob(answer(200, {}, 'short')), 'registry_failed', /fewer bytes/],
    [
      'sends too much',
      forBlob(answer(200, {}, otherLayer.toString().repeat(2))),
      'registry_failed',
      /more bytes/,
    ],
    [
      'lies about a length',
      forBlob(answer(200, { 'content-length': '3' }, 'abc')),
      'registry_failed',
      /fewer bytes/,
    ],
    [
      'sends a page of HTML',
      answer(200, { 'content-type': 'text/html' }, '<html>'),
      'unsupported',
      /no image but text\/html/,
    ],
    ['sends no end of JSON', answer(200, {}, ' '.repeat(5_000_000)), 'registry_failed', /more than/],
    [
      'sends another manifest',
      answer(200, { 'docker-content-digest': digestOf('x') }, '{}'),
      'registry_failed',
      /instead of/,
    ],
    ['sends round in circles', answer(302, { location: '/v2/' }), 'registry_failed', /redirects more than/],
    [
      'sends to plain HTTP',
      answer(302, { location: 'http://192.0.2.1/' }),
      'registry_failed',
      /not encrypted/,
    ],
    ['sends to a file', answer(302, { location: 'file:///etc/passwd' }), 'registry_failed', /not encrypted/],
  ])('that %s gives a clear error and leaves nothing', async (_, misbehave, code, message) => {
    const { run, leftovers, store, dataDir } = await importing(misbehave);
    await expect(run()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect([leftovers(), store.lists.page('w1').images]).toEqual([[], []]);
    await store.prune({ olderThanMs: 0 });
    const blobs = readdirSync(join(dataDir, 'blobs'), { recursive: true, withFileTypes: true });
    expect(blobs.filter((entry) => entry.isFile())).toEqual([]);
  });
});

test('a client that goes away ends its import', async () => {
  const { run, leftovers } = await importing((request, response) => {
    if (!isBlob(request.url)) return false;
    response.writeHead(200, { 'content-length': image.layer.length }).flushHeaders();
    return true;
  });
  const gone = new AbortController();
  const work = run(gone.signal);
  setTimeout(() => gone.abort(new Error('gone')), 100);
  await expect(work).rejects.toThrow('gone');
  expect(leftovers()).toEqual([]);
});

test('a base that could not be pulled or was not used is not fetched from the start again', async () => {
  let isBroken = true;
  const { store, registry } = await importing((request, response) => {
    if (!isBroken || !isBlob(request.url)) return false;
    response.writeHead(404).end();
    return true;
  });
  const reference = `${registry.host}/team/app:v1`;
  const pull = (workspaceId: string) =>
    store.remote.pullImage(
      workspaceId,
      reference,
      { signal: AbortSignal.timeout(20_000) },
      (digest) => digest,
    );
  const blobs = () => registry.requests.splice(0).filter((line) => line.includes('/blobs/'));
  await expect(pull('w1')).rejects.toThrow();
  blobs();
  isBroken = false;
  await pull('w1');
  expect(blobs().filter((line) => !line.endsWith(image.layerDigest))).toEqual([]);
  await store.prune({});
  await pull('w1');
  expect(blobs()).toEqual([]);
  await pull('w2');
  expect(blobs()).toHaveLength(2);
  await store.prune({ olderThanMs: 0 });
  await pull('w1');
  expect(blobs()).toHaveLength(2);
});

test('the bases of builds wait for one another instead of failing', async () => {
  const held: (() => void)[] = [];
  let isOpen = false;
  const { store, registry } = await importing((request, response) => {
    if (isOpen || !request.url?.includes('/manifests/')) return false;
    held.push(() => response.writeHead(503).end());
    return true;
  });
  const pull = (signal: AbortSignal) =>
    store.remote.pullImage('w1', `${registry.host}/x:v1`, { signal }, (digest) => digest);
  const gone = new AbortController();
  const pulls = Array.from({ length: 12 }, () => pull(AbortSignal.timeout(20_000)));
  const given = expect(pull(gone.signal)).rejects.toThrow('gone');
  await expect.poll(() => held.length).toBe(8);
  gone.abort(new Error('gone'));
  await given;
  isOpen = true;
  for (const release of held) release();
  expect(await Promise.all(pulls)).toEqual(Array.from({ length: 12 }, () => image.digest));
});

test('a workspace has a limit of imports at a time, which others do not feel', async () => {
  const { run, store, registry } = await importing(() => true);
  const gone = new AbortController();
  const hanging = Array.from({ length: 8 }, () => run(gone.signal).catch((error: unknown) => String(error)));
  await expect(run()).rejects.toMatchObject({ code: 'too_busy' });
  const other = store.remote.prepare({ workspaceId: 'w2', reference: `${registry.host}/x:v1` });
  const elsewhere = expect(other({ signal: gone.signal })).rejects.toThrow('enough');
  gone.abort(new Error('enough'));
  expect(await Promise.all(hanging)).toEqual(Array.from({ length: 8 }, () => 'Error: enough'));
  await elsewhere;
});

describe('credentials', () => {
  const needing =
    (wanted: string, challenge: (host: string) => string, token?: Misbehaviour): Misbehaviour =>
    (request, response) => {
      if (request.url?.startsWith('/token')) return token?.(request, response);
      if (request.headers.authorization === wanted) return false;
      response.writeHead(401, { 'www-authenticate': challenge(request.headers.host ?? '') }).end();
      return true;
    };
  const bearer = (host: string): string =>
    `Bearer realm="http://${host}/token",service="stand-in",scope="repository:team/app:pull"`;
  const sendToken =
    (check: (line: string, authorization: string | undefined) => boolean): Misbehaviour =>
    (request, response) => {
      const isRight = check(`${request.method} ${request.url}`, request.headers.authorization);
      response.writeHead(isRight ? 200 : 401).end(JSON.stringify({ token: 'secret-token' }));
      return true;
    };

  test('are sent as basic authentication when asked', async () => {
    const registry = needing(basicOf('me:word'), () => 'Basic realm="x"');
    const { run } = await importing(registry, auths({ auth: Buffer.from('me:word').toString('base64') }));
    expect(await run()).toMatchObject({ digest: image.digest });
  });

  test('buy a token, as does nobody at all', async () => {
    const named = sendToken(
      (line, basic) => line.includes('service=stand-in') && basic === basicOf('me:word'),
    );
    const known = await importing(
      needing('Bearer secret-token', bearer, named),
      auths({ username: 'me', password: 'word' }),
    );
    expect(await known.run()).toMatchObject({ digest: image.digest });
    const anonymous = sendToken((_, basic) => basic === undefined);
    const unknown = await importing(needing('Bearer secret-token', bearer, anonymous));
    expect(await unknown.run()).toMatchObject({ digest: image.digest });
    expect(unknown.registry.requests.filter((line) => line.includes('/token'))).toHaveLength(1);
  });

  test('as an identity token are posted to the token service', async () => {
    const posted = sendToken((line) => line === 'POST /token');
    const registry = needing('Bearer secret-token', bearer, posted);
    const { run } = await importing(registry, auths({ identitytoken: 'refresh' }));
    expect(await run()).toMatchObject({ digest: image.digest });
  });

  test('as an identity token go nowhere else when the token service sends elsewhere', async () => {
    const elsewhere = await standInRegistry(image);
    const posted: Misbehaviour = (_request, response) => {
      response.writeHead(307, { location: `http://${elsewhere.host}/token` }).end();
      return true;
    };
    const registry = needing('Bearer secret-token', bearer, posted);
    const { run } = await importing(registry, auths({ identitytoken: 'refresh' }), [elsewhere.host]);
    await expect(run()).rejects.toMatchObject({ code: 'registry_failed', message: /sends credentials on/ });
    expect(elsewhere.requests).toEqual([]);
  });

  test('as a registry token are sent as they are', async () => {
    const { run } = await importing(needing('Bearer mine', bearer), auths({ registrytoken: 'mine' }));
    expect(await run()).toMatchObject({ digest: image.digest });
  });

  test('that are wrong are told from none', async () => {
    const registry = needing('Basic right', () => 'Basic realm="x"');
    const { run } = await importing(registry, auths({ username: 'me', password: 'wrong' }));
    await expect(run()).rejects.toMatchObject({ code: 'registry_denied', message: /does not let these/ });
  });

  test('are never shown to the host that a blob is fetched from', async () => {
    const storage = await standInRegistry(image);
    const registry: Misbehaviour = (request, response) => {
      if (!request.url?.includes('/blobs/')) return false;
      response.writeHead(307, { location: `http://${storage.host}${request.url}` }).end();
      return true;
    };
    const { run } = await importing(registry, auths({ registrytoken: 'mine' }), [storage.host]);
    expect(await run()).toMatchObject({ digest: image.digest });
    expect([storage.requests.length, new Set(storage.authorizations)]).toEqual([2, new Set([undefined])]);
  });
});

describe('a registry leads to no private address', () => {
  const refused = { code: 'registry_failed', message: expect.stringMatching(/not a public address/) };

  test('by a redirect, be it to another port of the host that the reference names', async () => {
    const inner = await standInRegistry(image);
    for (const host of [
      inner.host,
      inner.host.replace('127.0.0.1', 'localhost'),
      '[::1]:1',
      '[::ffff:7f00:1]:1',
    ]) {
      const { run } = await importing((_request, response) => {
        const scheme = host.includes('ffff') ? 'https' : 'http';
        response.writeHead(302, { location: `${scheme}://${host}/secret` }).end();
        return true;
      });
      await expect(run(), host).rejects.toMatchObject(refused);
    }
    expect(inner.requests).toEqual([]);
  });

  test('by a token service', async () => {
    const inner = await standInRegistry(image);
    const { run } = await importing((_request, response) => {
      const challenge = `Bearer realm="http://${inner.host}/any/path?any=query"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
      return true;
    });
    await expect(run()).rejects.toMatchObject(refused);
    expect(inner.requests).toEqual([]);
  });

  test.each(['10.0.0.5', '169.254.169.254', '192.168.1.1', '[fd00::1]', '[fe80::1]'])(
    'such as %s',
    async (host) => {
      const { run } = await importing((_request, response) => {
        response.writeHead(307, { location: `https://${host}/latest/meta-data` }).end();
        return true;
      });
      await expect(run()).rejects.toMatchObject(refused);
    },
  );
});
