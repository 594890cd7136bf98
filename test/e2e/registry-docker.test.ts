import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerDaemon } from '../fixtures/docker-daemon.ts';
import { baseImage } from '../fixtures/derived-image.ts';
import { tarball } from '../fixtures/image-layout.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';

/** The daemon comes from an image that takes minutes to build where the cache lacks it. */
const isLong = process.env['ATOLL_TEST_LONG'] !== undefined && process.getuid?.() === 0;
const START_TIMEOUT_MS = 20 * 60_000;
const TIMEOUT_MS = 120_000;

describe.runIf(isLong)('docker', () => {
  let server: TestServer;
  let daemon: Awaited<ReturnType<typeof startDockerDaemon>>;
  let host: string;
  let dir: string;
  beforeAll(async () => {
    server = await startTestServer({ runtime: 'fake' });
    host = new URL(server.url).host;
    dir = await mkdtemp(join(tmpdir(), 'atoll-docker-'));
    daemon = await startDockerDaemon(dir);
    await daemon.docker('login', host, '--username', 'atoll', '--password', server.apiKey);
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await daemon?.stop();
    await rm(dir, { recursive: true, force: true });
    await server.close();
  }, TIMEOUT_MS);

  const digestOfImage = async (name: string): Promise<string> =>
    ((await (await server.fetch(`/v1/images/${name}`)).json()) as { digest: string }).digest; // the route's answer

  test(
    'pulls a base image and pushes it under another name without sending its layers',
    async () => {
      await daemon.docker('pull', `${host}/${baseImage}`);
      await daemon.docker('tag', `${host}/${baseImage}`, `${host}/default/mounted:v1`);
      expect(await daemon.docker('push', `${host}/default/mounted:v1`)).toContain(
        `Mounted from ${baseImage}`,
      );
      expect(await digestOfImage('mounted:v1')).toMatch(/^sha256:/);
    },
    TIMEOUT_MS,
  );

  test(
    'pushes what it made and pulls the same again',
    async () => {
      await writeFile(join(daemon.rootfs, 'made.tar'), tarball([{ path: 'greeting', content: 'hello' }]));
      const name = `${host}/default/made:v1`;
      const imported = await daemon.docker('import', '/made.tar', name);
      const said = await daemon.docker('push', name);
      const digest = await digestOfImage('made:v1');
      expect(said).toContain(digest);
      await daemon.docker('rmi', '--force', name);
      expect(await daemon.docker('pull', name)).toContain(digest);
      expect(await daemon.docker('inspect', '--format', '{{.Id}}', name)).toBe(imported);
    },
    TIMEOUT_MS,
  );

  test('is refused without a key', async () => {
    await daemon.docker('logout', host);
    await expect(daemon.docker('pull', `${host}/default/made:v1`)).rejects.toThrow(
      /unauthorized|authentication|no basic auth/i,
    );
  });
});
