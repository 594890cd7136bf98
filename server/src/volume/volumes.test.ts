import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { pino } from 'pino';
import { systemClock } from '../lib/clock.ts';
import { openDb } from '../store/db.ts';
import { createTenancy } from '../tenancy/tenancy.ts';
import { createVolumeDisks } from './volume-disks.ts';
import { createVolumeRecords } from './volume-records.ts';
import { createVolumes } from './volumes.ts';

/** The volumes of a workspace, on the host's own loop devices. */
async function openVolumes() {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-volumes-'));
  const db = openDb(':memory:');
  const tenancy = createTenancy({ db, clock: systemClock });
  tenancy.ensureAdminKey('atoll_key_of_the_test');
  const workspaceId = tenancy.authenticator.authenticate('atoll_key_of_the_test').workspace.id;
  const log = pino({ level: 'silent' });
  const disks = createVolumeDisks({ dataDir: join(dir, 'data'), runDir: join(dir, 'run'), log });
  const volumes = createVolumes({
    records: createVolumeRecords(db),
    disks,
    limits: { maxSizeMb: 64, maxVolumesPerWorkspace: 10, maxSnapshotsPerWorkspace: 10 },
    checkHost: () => {},
    checkQuota: () => {},
    flush: () => {},
    clock: systemClock,
    log,
  });
  onTestFinished(async () => {
    await volumes.close();
    for (const id of await disks.list()) await disks.remove(id);
    await rm(dir, { recursive: true });
  });
  return { volumes, workspaceId };
}

test('a name that is taken while a volume grows is refused', { timeout: 60_000 }, async () => {
  const { volumes, workspaceId } = await openVolumes();
  await volumes.create(workspaceId, { name: 'slow', sizeMb: 16 });
  await volumes.create(workspaceId, { name: 'quick', sizeMb: 16 });
  const growing = volumes.update(workspaceId, 'slow', { name: 'wanted', sizeMb: 32 });
  const renaming = volumes.update(workspaceId, 'quick', { name: 'wanted' });
  await expect(growing).rejects.toMatchObject({ code: 'name_taken' });
  expect(await renaming).toMatchObject({ name: 'wanted', sizeMb: 16 });
});

test('a snapshot can be deleted while a volume is made of it', { timeout: 60_000 }, async () => {
  const { volumes, workspaceId } = await openVolumes();
  await volumes.create(workspaceId, { name: 'source', sizeMb: 16 });
  const { id: snapshotId } = await volumes.snapshot(workspaceId, 'source');
  const making = volumes.create(workspaceId, { name: 'made', sizeMb: 32, snapshotId });
  const removing = volumes.removeSnapshot(workspaceId, snapshotId);
  expect(await making).toMatchObject({ name: 'made', status: 'ready', sizeMb: 32 });
  await removing;
  expect(volumes.listSnapshots(workspaceId, 'source')).toEqual([]);
});

test('what is changed while a volume grows stays changed', { timeout: 60_000 }, async () => {
  const { volumes, workspaceId } = await openVolumes();
  const { id } = await volumes.create(workspaceId, { name: 'slow', sizeMb: 16 });
  const growing = volumes.update(workspaceId, id, { sizeMb: 32 });
  await volumes.update(workspaceId, id, { name: 'quick', description: 'changed', labels: { a: 'b' } });
  await growing;
  expect(await volumes.get(workspaceId, id)).toMatchObject({
    name: 'quick',
    description: 'changed',
    labels: { a: 'b' },
    sizeMb: 32,
  });
});
