import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { BuildEvent, BuildFailure } from '@atoll/protocol';
import { expect, onTestFinished, test } from 'vitest';
import { tarball, writeLayout } from '../../../../test/fixtures/image-layout.ts';
import { named } from '../../../../test/fixtures/image-store.ts';
import { tempDir } from '../../../../test/fixtures/temp-dir.ts';
import type { BuilderAnswer, BuildSession } from '../../agent/build-session.ts';
import { createImageDefinitions } from '../../image/image-definitions.ts';
import { openImageStore } from '../../image/image-store.ts';
import { createLog } from '../../lib/log.ts';
import { openDb } from '../../store/db.ts';
import type { BuildRunner, RelayedRequest } from './build-runner.ts';
import { createTemplateBuildStore } from './template-build-store.ts';
import { createTemplateBuilds } from './template-builds.ts';

const limits = { cpus: 1, memoryMb: 512, diskMb: 2048 };
const sandbox = { id: 'sbx', workspaceId: 'w1', limits };
const head = { id: 1, at: 0, durationMs: 1 };

/** Such builds over a real store, with a runner whose result is an image that is there already. */
async function openStand(ending: { failure?: BuildFailure } = {}) {
  const dir = await tempDir();
  const db = openDb(join(dir, 'test.sqlite'));
  const log = createLog('silent');
  const images = await openImageStore({ db, dataDir: dir, log, canUnpack: false });
  onTestFinished(async () => {
    await images.closeAll();
    db.close();
  });
  await writeLayout(join(dir, 'made'), { layers: [{ tar: tarball([]) }] });
  const made = await images.importLayout({ ...named('made', join(dir, 'made')), base: 'Debian' });
  const asked: { request: RelayedRequest; context?: string }[] = [];
  const cancelled: string[] = [];
  const runner: BuildRunner = {
    create: (_workspaceId, request) => ({ id: `build_${asked.push({ request })}` }),
    upload: async (_workspaceId, _id, archive) => {
      Object.assign(asked.at(-1) ?? {}, { context: await text(archive) });
    },
    async *events(): AsyncGenerator<BuildEvent> {
      yield { type: 'message', id: 1, at: 0, message: 'building' };
      const result = { imageId: made.id, digest: made.digest, sizeBytes: 1, layerCount: 1 };
      yield ending.failure
        ? { type: 'failed', ...head, failure: ending.failure }
        : { type: 'succeeded', ...head, result };
    },
    cancel: async (_workspaceId, id) => void cancelled.push(id),
  };
  const store = createTemplateBuildStore(db);
  const definitions = createImageDefinitions(db);
  const options = { store, builds: runner, images, definitions, serverKey: Buffer.from('key'), log };
  return { builds: createTemplateBuilds(options), images, definitions, asked, cancelled, made };
}

function sessionOf(spec: unknown) {
  const said: BuilderAnswer[] = [];
  const session: BuildSession = {
    spec,
    context: Readable.from(['archive']),
    gone: new AbortController().signal,
    say: async (answer) => void said.push(answer),
    end: async () => {},
    cut: () => {},
  };
  return { session, said };
}

const request = { name: 'app', dockerfile: 'FROM debian\n', baseImage: 'debian', isPublic: false };

test('a build is prepared, handed over, completed, and has its name only then', async () => {
  const { builds, images, definitions, asked, made } = await openStand();
  const { build, token } = builds.prepare('w1', 'key_1', request);
  const { session, said } = sessionOf({
    buildId: build.id,
    atoll: { token },
    contextDir: '/context',
    rootfsDiskBytes: 3 * 2 ** 30,
    dockerConfigJson: '{"auths":{"ghcr.io":{"auth":"eA=="}}}',
  });
  await builds.serve(sandbox, session);
  expect(asked).toMatchObject([
    {
      context: 'archive',
      request: {
        dockerfile: 'FROM debian\n',
        cpus: 1,
        memoryMb: 512,
        builderDiskMb: 2048,
        dockerConfig: { auths: { 'ghcr.io': { auth: 'eA==' } } },
      },
    },
  ]);
  expect(said.slice(0, 2)).toEqual([{ log: 'Build build_1\n' }, { log: 'building\n' }]);
  expect(said[2]).toMatchObject({
    metadata: { snapshot_id: made.id, rootfs_disk_bytes: 3 * 2 ** 30, rootfs_node_kind: 'base' },
  });
  expect(() => images.describe('w1', 'app')).toThrow('image not found');
  const image = builds.complete('w1', build.id);
  expect(image).toMatchObject({ name: 'app', digest: made.digest, base: 'Debian' });
  expect(builds.complete('w1', build.id)).toEqual(image);
  expect(definitions.find(image.id)).toEqual({
    dockerfile: 'FROM debian\n',
    baseImage: 'debian',
    buildId: 'build_1',
    createdBy: 'key_1',
    diskMb: 3072,
  });
  const { id } = images.tag('w1', 'app', 'app:v1');
  expect(definitions.find(id)).toEqual(definitions.find(image.id));
});

test('a build is carried out once, with its token, in its own workspace', async () => {
  const { builds, asked } = await openStand();
  const { build, token } = builds.prepare('w1', 'key_1', request);
  const serve = async (spec: unknown, workspaceId = 'w1') => {
    const { session, said } = sessionOf(spec);
    await builds.serve({ ...sandbox, workspaceId }, session);
    return said.at(-1);
  };
  const spec = { buildId: build.id, atoll: { token } };
  expect(await serve({ ...spec, atoll: { token: 'x' } })).toEqual({
    failed: expect.stringContaining('the token for build'),
  });
  expect(await serve(spec, 'w2')).toEqual({ failed: expect.stringContaining('no build') });
  expect(await serve({ buildId: build.id })).toEqual({
    failed: 'the specification of the build is wrong in atoll',
  });
  expect(asked).toEqual([]);
  expect(await serve(spec)).toHaveProperty('metadata');
  expect(await serve(spec)).toEqual({ failed: expect.stringContaining('was started before') });
  expect(asked).toHaveLength(1);
});

test('a failure reaches the builder with what ran out, and nothing is registered', async () => {
  const failure = { code: 'limit_exceeded', message: 'out of memory', canDebug: false } as const;
  const stand = await openStand({ failure: { ...failure, step: '[1/1] RUN x', shortOf: 'memory' } });
  const { builds, images, cancelled } = stand;
  const { build, token } = builds.prepare('w1', 'key_1', request);
  const { session, said } = sessionOf({ buildId: build.id, atoll: { token } });
  await builds.serve(sandbox, session);
  expect(said.at(-1)).toEqual({
    failed: expect.stringMatching(/^\[1\/1\] RUN x: out of memory/),
    shortOf: 'memory',
  });
  expect(cancelled).toEqual(['build_1']);
  expect(() => builds.complete('w1', build.id)).toThrow(/has no image: \[1\/1\] RUN x: out of memory/);
  expect(() => images.describe('w1', 'app')).toThrow('image not found');
});

test('a name that could not be registered is refused before anything is built', async () => {
  const { builds, images } = await openStand();
  expect(() => builds.prepare('w1', 'k', { ...request, name: 'No Name' })).toThrow('not an image name');
  expect(() => builds.prepare('w1', 'k', { ...request, name: 'tensorlake/app' })).toThrow('are reserved');
  const [own] = images.lists.page('w1', { withoutPublic: true }).images;
  images.registerManifest(
    { workspaceId: 'w2', repository: 'shared', tag: 'latest', isPublic: true },
    own?.digest ?? '',
  );
  const taken = { ...request, name: 'shared', isPublic: true };
  expect(() => builds.prepare('w1', 'k', taken)).toThrow('belongs to another workspace');
});

test('a build that an earlier process carried out has failed', async () => {
  const { builds } = await openStand();
  const { build, token } = builds.prepare('w1', 'key_1', request);
  const { session } = sessionOf({ buildId: build.id, atoll: { token } });
  const never = new Promise<void>(() => {});
  void builds.serve(sandbox, { ...session, say: () => never });
  expect(builds.recover()).toBe(1);
  expect(() => builds.complete('w1', build.id)).toThrow('the server was started anew');
});
