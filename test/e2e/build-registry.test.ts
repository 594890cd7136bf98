import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { beginBuild, build, endOfBuild } from '../fixtures/build.ts';
import { digestOf } from '../fixtures/image-layout.ts';
import { imageOf } from '../fixtures/registry-client.ts';
import type { Pushed } from '../fixtures/registry-client.ts';
import { useServer } from '../fixtures/server.ts';
import { standInRegistry } from '../fixtures/stand-in-registry.ts';
import type { Misbehaviour } from '../fixtures/stand-in-registry.ts';

/** No step is run: what fails does so before, and what succeeds has none that needs a sandbox. */
const server = useServer({ runtime: 'fake' });
const answer =
  (status: number, headers: Record<string, string> = {}, body: string | Buffer = ''): Misbehaviour =>
  (_request, response) => {
    response.writeHead(status, headers).end(body);
    return true;
  };
const names = async (): Promise<string[]> => {
  const { images } = (await (await server().fetch('/v1/images')).json()) as { images: { name: string }[] }; // protocol/src/atoll/image.ts
  return images.map(({ name }) => name);
};
const unfinished = () => readdir(join(server().dataDir, 'blobs', 'tmp'));

/** What a registry of an image can do wrong: what, how, and the code and the message of the build. */
function wrongsOf({ layer, layerDigest }: Pushed): [string, Misbehaviour, string, RegExp][] {
  const forLayer =
    (misbehave: Misbehaviour): Misbehaviour =>
    (request, response) =>
      request.url?.endsWith(layerDigest) === true ? misbehave(request, response) : false;
  const hang: Misbehaviour = () => true;
  const stall: Misbehaviour = (_request, response) => {
    response.writeHead(200, { 'content-length': layer.length }).flushHeaders();
    return true;
  };
  const otherLayer = Buffer.alloc(layer.length, 'y');
  return [
    [
      'wants credentials',
      answer(401, { 'www-authenticate': 'Basic realm="x"' }),
      'registry_denied',
      /wants credentials/,
    ],
    ['has no such image', answer(404), 'image_not_found', /has no image/],
    ['wants an hour of patience', answer(429, { 'retry-after': '3600' }), 'registry_failed', /answers 429/],
    ['answers 500 for ever', answer(500), 'registry_failed', /answers 500/],
    ['hangs', hang, 'build_timeout', /took too long/],
    ['hangs in a layer', forLayer(stall), 'build_timeout', /took too long/],
    ['sends too little of a layer', forLayer(answer(200, {}, 'short')), 'registry_failed', /fewer bytes/],
    [
      'sends too much for a layer',
      forLayer(answer(200, {}, Buffer.concat([otherLayer, otherLayer]))),
      'registry_failed',
      /more bytes/,
    ],
    ['sends another layer', forLayer(answer(200, {}, otherLayer)), 'invalid_request', /instead of/],
    [
      'sends another manifest',
      answer(200, { 'docker-content-digest': digestOf('x') }, '{}'),
      'registry_failed',
      /instead of/,
    ],
    [
      'sends a page of HTML',
      answer(200, { 'content-type': 'text/html' }, '<html>'),
      'unsupported',
      /no image but text\/html/,
    ],
  ];
}

test(
  'FROM of a registry that does wrong fails with what it did, and leaves nothing',
  { timeout: 120_000 },
  async () => {
    // Its blobs are nowhere before, nor left by an earlier attempt.
    const image = imageOf([{ path: 'file', content: crypto.randomUUID().repeat(1000) }]);
    const wrongs = wrongsOf(image);
    const registry = await standInRegistry(image, (request, response) => {
      const [, number] = /^\/v2\/wrong-(\d+)\//.exec(request.url ?? '') ?? [];
      return number === undefined ? false : wrongs[Number(number)]?.[1](request, response);
    });
    const from = (repository: string) => `FROM ${registry.host}/${repository}/app:v1\nLABEL a=b\n`;
    const attempts = wrongs.map(async ([what, , code, message], index) => {
      const timeoutSeconds = code === 'build_timeout' ? 5 : 100;
      const options = { dockerfile: from(`wrong-${index}`), name: 'never', timeoutSeconds };
      const { failure, result, status } = (await build(server(), options)).build;
      expect.soft(failure, what).toMatchObject({ code, message: expect.stringMatching(message) });
      expect.soft([status, result], what).toEqual(['failed', undefined]);
    });
    await Promise.all(attempts);
    expect([await names(), await unfinished()]).toEqual([expect.not.arrayContaining(['never']), []]);
    const healed = await build(server(), { dockerfile: from('right'), name: 'healed' });
    expect(healed.build.failure).toBeUndefined();
    expect(await names()).toContain('healed');
  },
);

test('a build whose registry hangs can be cancelled', async () => {
  let asked = (): void => {};
  const isAsked = new Promise<void>((resolve) => (asked = resolve));
  const registry = await standInRegistry(imageOf([]), () => {
    asked();
    return true;
  });
  const id = await beginBuild(server(), { dockerfile: `FROM ${registry.host}/app\n`, name: 'never' });
  await isAsked;
  expect((await server().fetch(`/v1/builds/${id}/cancel`, { method: 'POST' })).ok).toBe(true);
  expect((await endOfBuild(server(), id)).build.status).toBe('cancelled');
});
