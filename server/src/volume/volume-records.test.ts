import { expect, test } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { openDb } from '../store/db.ts';
import { createTenancy } from '../tenancy/tenancy.ts';
import { createVolumeRecords } from './volume-records.ts';

/** The records of a database with one volume and a snapshot of it. */
function withVolume() {
  const db = openDb(':memory:');
  const tenancy = createTenancy({ db, clock: systemClock });
  tenancy.ensureAdminKey('atoll_key_of_the_test');
  const workspaceId = tenancy.authenticator.authenticate('atoll_key_of_the_test').workspace.id;
  const records = createVolumeRecords(db);
  const common = { workspaceId, sizeMb: 32, status: 'ready', createdAt: 1 } as const;
  records.insert({ ...common, id: 'v', name: 'skills', labels: {}, updatedAt: 1 });
  records.insertSnapshot({ ...common, id: 's', volumeId: 'v', volumeName: 'skills' });
  const attach = (sandboxId: string, more: { isReadonly: boolean; snapshotId?: string; isShared?: true }) =>
    records.attach(sandboxId, { volumeId: 'v', name: 'skills', mountPath: '/data', ...more });
  return { records, attach, workspaceId };
}

const inUse = expect.objectContaining({ code: 'volume_in_use' });

test('a volume that is written to has nobody else', () => {
  const { attach } = withVolume();
  attach('writer', { isReadonly: false });
  expect(() => attach('second', { isReadonly: false })).toThrow(inUse);
  expect(() => attach('reader', { isReadonly: true })).toThrow(inUse);
});

test('a volume that is read has any number of readers, and a writer when they are gone', () => {
  const { records, attach } = withVolume();
  for (const reader of ['one', 'two', 'three']) attach(reader, { isReadonly: true });
  expect(() => attach('writer', { isReadonly: false })).toThrow(inUse);
  for (const reader of ['one', 'two', 'three']) records.detachAll(reader);
  attach('writer', { isReadonly: false });
  expect(records.attachmentsOf('v')).toEqual([
    { sandboxId: 'writer', mountPath: '/data', isReadonly: false },
  ]);
});

test('who has a snapshot is in nobody’s way, and keeps the volume from being removed', () => {
  const { records, attach } = withVolume();
  attach('pinned', { isReadonly: true, snapshotId: 's' });
  attach('writer', { isReadonly: false });
  records.detachAll('writer');
  expect(() => records.remove('v')).toThrow(/FOREIGN KEY/);
  expect(() => records.removeSnapshot('s')).toThrow(/FOREIGN KEY/);
  records.detachAll('pinned');
  records.remove('v');
  expect(records.attachmentsOf('v')).toEqual([]);
});

test('a volume is found by its id and by its name, in its workspace alone', () => {
  const { records, workspaceId } = withVolume();
  expect(records.find(workspaceId, 'v')).toEqual(records.find(workspaceId, 'skills'));
  expect(records.find('another', 'v')).toBeUndefined();
  expect(records.findSnapshot('another', 's')).toBeUndefined();
});

test('a shared volume has any number of writers', () => {
  const { records, attach } = withVolume();
  for (const writer of ['one', 'two']) attach(writer, { isReadonly: false, isShared: true });
  expect(records.attachmentsOf('v')).toHaveLength(2);
});
