import { mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuildEvent } from '@atoll/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../server/src/lib/run.ts';
import { beginBuild, build, buildEvents, endOfBuild } from '../fixtures/build.ts';
import { findDriversUnderTest } from '../fixtures/driver-under-test.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';

const MOUNT_TIMEOUT_MS = 10_000;
const TIMEOUT_MS = 120_000;
/** Room for the layers of a base image and for what the server keeps free. */
const DISK_MB = 3_000;
const LEFT_MB = 20;

/** Far more than is left. As a layer it takes next to nothing, so it is not the layer that there is no room for. */
const FILL = 'head -c 120M /dev/zero > /big';
/** The disk is filled while it sleeps. */
const dockerfileOf = (mount: string, command: string): string =>
  `FROM debian-minimal\nRUN ${mount} echo go && sleep 5 && ${command}\n`;
const CACHE = '--mount=type=cache,target=/cache';
const isLong = process.env['ATOLL_TEST_LONG'] === '1';

// One driver is enough: the disk of a build and the store are the same on all.
const driver = (await findDriversUnderTest()).find(({ obstacle }) => obstacle === undefined)?.name;

describe.runIf(driver !== undefined)('a build during which the disk of the server becomes full', () => {
  let disk: string;
  let server: TestServer;
  const filler = (): string => join(disk, 'filler');
  const fill = async (): Promise<void> => {
    const { bavail, bsize } = await statfs(disk);
    const bytes = bavail * bsize - LEFT_MB * 2 ** 20;
    const filling = run(['fallocate', '-l', String(bytes), filler()], { timeoutMs: MOUNT_TIMEOUT_MS });
    // What the server wrote meanwhile is no room any more.
    await filling.catch(() => fill());
  };

  beforeAll(async () => {
    disk = await mkdtemp(join(tmpdir(), 'atoll-disk-'));
    const options = `size=${DISK_MB}m,mode=700`;
    await run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', disk], { timeoutMs: MOUNT_TIMEOUT_MS });
    server = await startTestServer({ runtime: driver ?? 'gvisor', parentDir: disk });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await rm(filler(), { force: true });
    await server.close();
    await run(['umount', disk], { timeoutMs: MOUNT_TIMEOUT_MS });
    await rm(disk, { recursive: true, force: true });
  }, TIMEOUT_MS);

  test.each([
    ['whose step notices', '', `${FILL} && sync /big`],
    ['whose step ends well, because nobody told it', '', FILL],
    ...(isLong ? [['whose cache was not kept', CACHE, 'head -c 120M /dev/zero > /cache/big'] as const] : []),
  ] as const)(
    'fails for that reason and leaves nothing: one %s',
    async (_, mount, command) => {
      const id = await beginBuild(server, {
        dockerfile: dockerfileOf(mount, command),
        name: 'full',
        context: false,
      });
      await firstOutput(buildEvents(server, id));
      await fill();
      const { build: ended, events } = await endOfBuild(server, id);
      await rm(filler());
      expect([ended.status, ended.failure?.code]).toEqual(['failed', 'host_out_of_disk']);
      expect(ended.failure?.hint).toMatch(/room|space/);
      expect(events.at(-1)?.type).toBe('failed');
      expect((await server.fetch('/v1/images/full')).status).toBe(404);
      await expect.poll(() => readdir(join(server.dataDir, 'build')), { timeout: 30_000 }).toEqual([]);
      expect(await readdir(join(server.dataDir, 'blobs', 'tmp'))).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test('works as soon as there is room', async () => {
    const dockerfile = `FROM debian-minimal\nRUN ${CACHE} echo works > /w; ls /cache\n`;
    const again = await build(server, { dockerfile, name: 'full', context: false });
    expect([again.build.status, again.output]).toEqual(['succeeded', []]);
    expect((await server.fetch('/v1/images/full')).status).toBe(200);
  });
});

async function firstOutput(events: AsyncIterable<BuildEvent>): Promise<void> {
  for await (const event of events) if (event.type === 'step_output') return;
}
