import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, createSandbox, sandboxCalls } from '../fixtures/api.ts';
import { findDriversUnderTest } from '../fixtures/driver-under-test.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { mountSmallDisk } from '../fixtures/small-disk.ts';
import type { SmallDisk } from '../fixtures/small-disk.ts';

const TIMEOUT_MS = 120_000;
/** Room for the layers of a base image and for what the server keeps free. */
const DISK_MB = 6_000;
const isLong = process.env['ATOLL_TEST_LONG'] === '1';
const gvisor = (await findDriversUnderTest()).find(({ name }) => name === 'gvisor');

describe.runIf(isLong && gvisor !== undefined && gvisor.obstacle === undefined)(
  'a sandbox on a host whose disk is full',
  () => {
    let disk: SmallDisk;
    let server: TestServer;
    let id: string;
    beforeAll(async () => {
      disk = await mountSmallDisk(DISK_MB);
      server = await startTestServer({ runtime: 'gvisor', parentDir: disk.folder, args: ['--slots', '0'] });
      id = await createSandbox(server, { name: 'full', resources: { memory_mb: 256, disk_mb: 2048 } });
    }, TIMEOUT_MS);
    afterAll(async () => {
      await server?.close();
      await disk?.remove();
    }, TIMEOUT_MS);
    const run = async (script: string) => (await sandboxCalls(server, id).run(script)).output;
    const get = async () => (await call(server, `/sandboxes/${id}`)).body as { status: string };
    const post = (verb: string) => call(server, `/sandboxes/${id}/${verb}`, { method: 'POST' });
    const outOfDisk = { status: 503, body: { code: 'host_out_of_disk' } };

    test('is told so, lives on, and is not suspended', { timeout: TIMEOUT_MS }, async () => {
      await run('echo kept > /tmp/kept');
      await disk.leave(20);
      expect(await run('head -c 100M /dev/urandom > /tmp/big')).toContain('No space left on device');
      expect(await post('suspend')).toMatchObject(outOfDisk);
      expect(await get()).toMatchObject({ status: 'running' });
      expect(await run('rm /tmp/big; cat /tmp/kept')).toBe('kept');
    });

    test(
      'sleeps on where its files have no room, and wakes with them once there is',
      async () => {
        await disk.leave(3_000);
        const sum = await run('head -c 100M /dev/urandom > /tmp/big; sha256sum /tmp/big');
        expect((await post('suspend')).status).toBe(202);
        const countPods = async () =>
          (await server.census()).filter((line) => line.startsWith('netns ')).length;
        await expect.poll(countPods, { timeout: 60_000 }).toBe(0);
        await disk.leave(5);
        expect(await post('resume')).toMatchObject(outOfDisk);
        expect(await get()).toMatchObject({
          status: 'suspended',
          error_details: { message: expect.stringContaining('too full') as string },
        });
        await disk.leave(3_000);
        expect(await run('sha256sum /tmp/big')).toBe(sum);
        await call(server, `/sandboxes/${id}`, { method: 'DELETE' });
      },
      TIMEOUT_MS,
    );
  },
);
