import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ApiError } from '@atoll/protocol';
import { tarball, writeLayout } from '../../../test/fixtures/image-layout.ts';
import { named } from '../../../test/fixtures/image-store.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { openImageStore } from '../image/image-store.ts';
import type { ImageStore } from '../image/image-store.ts';
import { systemClock } from '../lib/clock.ts';
import { createLog } from '../lib/log.ts';
import { openDb } from '../store/db.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { createSnapshotRecords } from './snapshot-records.ts';
import { createSnapshots } from './snapshots.ts';

const workspaceId = 'w';
const { signal } = new AbortController();

/** Snapshots of a server that unpacks as the test says. */
async function openSnapshots(unpack: ImageStore['unpack']) {
  const dir = await tempDir();
  const log = createLog('silent');
  const db = openDb(':memory:');
  db.run(`INSERT INTO accounts (id, name, created_at) VALUES ('a', 'a', 0)`);
  db.run(`INSERT INTO workspaces (id, account_id, name, created_at) VALUES ('w', 'a', 'w', 0)`);
  const images = await openImageStore({ db, dataDir: dir, log, canUnpack: false });
  const layout = join(dir, 'layout');
  await writeLayout(layout, { layers: [{ tar: tarball([]) }] });
  await images.importLayout({ ...named('plain', layout), workspaceId });
  const snapshots = createSnapshots({
    checkpoints: { release: () => {}, sweep: () => Promise.resolve() },
    records: createSnapshotRecords(db),
    transaction: db.transaction,
    images: { ...images, unpack },
    clock: systemClock,
    log,
    retryAfterMs: 10,
  });
  onTestFinished(snapshots.close);
  const { manifestDigest } = images.resolve(workspaceId, 'plain');
  return { snapshots, sandbox: sandboxOn(manifestDigest) };
}

const sandboxOn = (manifestDigest: string): SandboxRecord => ({
  id: 's',
  workspaceId,
  state: 'running',
  incarnation: 1,
  runtime: 'fake',
  image: 'plain',
  manifestDigest,
  agentDigest: '',
  limits: { cpus: 1, memoryMb: 256, diskMb: 1024 },
  network: { internet: true, allowOut: [], denyOut: [] },
  networkGeneration: 0,
  exposedPorts: [],
  allowUnauthenticated: false,
  createdAt: 0,
});

async function* noFiles(): AsyncIterable<Buffer> {
  await Promise.resolve();
  yield tarball([]);
}

test('a snapshot that is safe is unpacked by a later try, once there is room', async () => {
  const room = Promise.withResolvers<void>();
  let tries = 0;
  const { snapshots, sandbox } = await openSnapshots(async () => {
    tries += 1;
    if (tries > 2) await room.promise;
    if (tries > 2) return { unpackedBytes: 7 };
    throw new ApiError('host_out_of_disk', 'the disk is full');
  });
  const { id } = snapshots.begin(sandbox, 'filesystem');
  const find = () => snapshots.find(workspaceId, id);
  await snapshots.store(find(), { tar: noFiles() }, signal);
  await expect.poll(() => tries).toBe(3);
  // Sandboxes can start from it all the while.
  expect(snapshots.findReady(workspaceId, id).status).toBe('local_ready');
  room.resolve();
  await expect.poll(() => find().status).toBe('completed');
  expect(find()).toMatchObject({ rootfsDiskBytes: 7 });
  expect(find().error).toBeUndefined();
});

test('what no later try can unpack is no snapshot, and says why', async () => {
  let tries = 0;
  const { snapshots, sandbox } = await openSnapshots(() => {
    tries += 1;
    return Promise.reject(new ApiError('invalid_request', 'it has more files than a layer may'));
  });
  const { id } = snapshots.begin(sandbox, 'filesystem');
  const find = () => snapshots.find(workspaceId, id);
  await snapshots.store(find(), { tar: noFiles() }, signal);
  await expect.poll(() => find().status).toBe('failed');
  expect(find().error).toBe('it has more files than a layer may');
  expect(tries).toBe(1);
});

test('one that is removed meanwhile is left alone', async () => {
  let tries = 0;
  const { snapshots, sandbox } = await openSnapshots(() => {
    tries += 1;
    snapshots.remove(workspaceId, id);
    return Promise.reject(new Error('the host is stuck'));
  });
  const { id } = snapshots.begin(sandbox, 'filesystem');
  await snapshots.store(snapshots.find(workspaceId, id), { tar: noFiles() }, signal);
  await snapshots.settled();
  expect(tries).toBe(1);
});
