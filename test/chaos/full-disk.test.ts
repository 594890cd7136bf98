import { mkdtemp, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AdminClient } from '@atoll/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../server/src/lib/run.ts';
import { imageOf, registryClient } from '../fixtures/registry-client.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { standInRegistry } from '../fixtures/stand-in-registry.ts';
import { createCalls, idOf } from './sandbox-calls.ts';

const MOUNT_TIMEOUT_MS = 10_000;
const START_TIMEOUT_MS = 60_000;
/** Room for the layers of a base image and for what the server keeps free. */
const DISK_MB = 3_000;
const isRoot = process.getuid?.() === 0;

/** Twice of what the disk has left in the middle of a push or a pull. */
const LARGE_BYTES = 64 * 2 ** 20;
const CHUNK_BYTES = 2 ** 20;

function zeros(bytes: number): Readable {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  return Readable.from(Array.from({ length: bytes / CHUNK_BYTES }, () => chunk));
}

describe.runIf(isRoot)('a data directory whose disk is full', () => {
  let disk: string;
  let server: TestServer;
  let survivor: string;
  const filler = (): string => join(disk, 'filler');
  const fill = async (keepMb: number): Promise<void> => {
    const { bavail, bsize } = await statfs(disk);
    const bytes = Math.max(0, bavail * bsize - keepMb * 2 ** 20);
    await run(['fallocate', '-l', String(bytes), filler()], { timeoutMs: MOUNT_TIMEOUT_MS });
  };

  beforeAll(async () => {
    disk = await mkdtemp(join(tmpdir(), 'atoll-disk-'));
    const options = `size=${DISK_MB}m,mode=700`;
    await run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', disk], { timeoutMs: MOUNT_TIMEOUT_MS });
    server = await startTestServer({ runtime: 'fake', parentDir: disk });
    survivor = idOf(await createCalls(server).create('survivor')) ?? '';
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await rm(filler(), { force: true });
    await server.close();
    await run(['umount', disk], { timeoutMs: MOUNT_TIMEOUT_MS });
    await rm(disk, { recursive: true, force: true });
  }, START_TIMEOUT_MS);

  test('refuses creates before it is full, and says why', async () => {
    await fill(500);
    const outcome = await createCalls(server).create();
    expect([outcome?.status, outcome?.body]).toEqual([503, expect.stringContaining('host_out_of_disk')]);
    expect((await createCalls(server).run(survivor, 'echo lives'))?.body).toContain('lives');
  });

  test('survives the last byte: it answers, and what cannot be written is an error', async () => {
    await rm(filler());
    await fill(0);
    await writeFile(join(disk, 'rest'), Buffer.alloc(1 << 20)).catch(() => {});
    const calls = createCalls(server);
    expect((await server.fetch('/healthz')).status).toBe(200);
    expect((await calls.get(survivor))?.status).toBe(200);
    const renamed = await calls.rename(survivor, 'renamed');
    const shown = (await calls.get(survivor))?.body ?? '';
    expect(shown).toContain(renamed?.status === 200 ? 'renamed' : 'survivor');
    expect(renamed?.status).toBeOneOf([200, 500, 503]);
    expect((await server.fetch('/healthz')).status).toBe(200);
  });

  test('gives up a push and a pull in the middle, and keeps nothing of them', async () => {
    await rm(filler(), { force: true });
    await rm(join(disk, 'rest'), { force: true });
    const temporary = () => readdir(join(server.dataDir, 'blobs', 'tmp'));
    const client = registryClient(server);
    // No upload begins on a disk that is nearly full, but one that has begun meets it.
    const upload = await client.begin('default/large');
    await fill(LARGE_BYTES / 2 ** 20 / 2);
    const push = { method: 'PATCH', body: zeros(LARGE_BYTES), duplex: 'half' } as RequestInit; // for streams, not in the type
    // Who still sends may meet the end of the connection before the answer.
    const pushed = await client.call(upload, push).then(
      ({ status }) => status,
      () => 'cut',
    );
    expect(pushed).toBeOneOf([507, 'cut']);
    expect((await client.call(upload)).status).toBe(404);
    expect(await temporary()).toEqual([]);

    const image = imageOf([{ path: 'f', content: 'f' }]);
    const manifest = image.manifest.replace(`"size":${image.layer.length}`, `"size":${LARGE_BYTES}`);
    const registry = await standInRegistry({ ...image, manifest }, ({ url }, response) => {
      if (url?.endsWith(image.layerDigest) !== true) return false;
      response.writeHead(200, { 'content-length': LARGE_BYTES });
      void pipeline(zeros(LARGE_BYTES), response).catch(() => {}); // the server goes away
      return true;
    });
    const admin = new AdminClient({ apiUrl: server.url, apiKey: server.apiKey });
    await expect(admin.importImage(`${registry.host}/team/large:v1`)).rejects.toThrow(/no room/);
    expect(await temporary()).toEqual([]);
    expect((await server.fetch('/v1/images/large')).status).toBe(404);
    expect((await createCalls(server).get(survivor))?.status).toBe(200);
  });

  test('works again as soon as there is room, also after a kill', async () => {
    await server.kill9();
    await rm(filler());
    await rm(join(disk, 'rest'), { force: true });
    await server.restart();
    const database = new DatabaseSync(join(server.dataDir, 'atoll.db'), { readOnly: true });
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    database.close();
    const calls = createCalls(server);
    const id = idOf(await calls.create('after')) ?? '';
    expect((await calls.run(id, 'echo works'))?.body).toContain('works');
  });
});
