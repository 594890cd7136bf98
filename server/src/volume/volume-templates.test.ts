import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { openDb } from '../store/db.ts';
import { createTenancy } from '../tenancy/tenancy.ts';
import { createVolumeTemplateRecords } from './volume-template-records.ts';
import { createVolumeTemplates } from './volume-templates.ts';
import type { VolumeTemplatesOptions } from './volume-templates.ts';

/** Templates whose versions hang until they are let go. */
function openTemplates() {
  const db = openDb(':memory:');
  const tenancy = createTenancy({ db, clock: systemClock });
  tenancy.ensureAdminKey('atoll_key_of_the_test');
  const workspaceId = tenancy.authenticator.authenticate('atoll_key_of_the_test').workspace.id;
  const filling: (() => void)[] = [];
  const volumes: VolumeTemplatesOptions['volumes'] = {
    fillSnapshot: (asked) =>
      new Promise((resolve) =>
        filling.push(() => resolve({ ...asked, id: 's', status: 'ready', createdAt: 1 })),
      ),
    listSnapshots: () => [],
    removeSnapshots: async (_workspaceId, _ids, along) => along?.(),
    snapshotBytes: async () => 0,
  };
  const templates = createVolumeTemplates({
    records: createVolumeTemplateRecords(db),
    volumes,
    limits: { maxSizeMb: 64, maxVolumesPerWorkspace: 10, maxSnapshotsPerWorkspace: 10 },
    unpack: async () => {},
    clock: systemClock,
  });
  const upload = (token: string) => templates.upload(token, Readable.from([]), AbortSignal.timeout(10_000));
  return { templates, workspaceId, filling, upload };
}

test('an upload that waited makes no version of another template with the name', async () => {
  const { templates, workspaceId, filling, upload } = openTemplates();
  const create = (name: string) => templates.create(workspaceId, { name, sizeMb: 16 });
  await create('busy');
  const busy = upload(templates.beginUpload(workspaceId, 'busy'));
  await create('wanted');
  const waiting = upload(templates.beginUpload(workspaceId, 'wanted'));
  await templates.remove(workspaceId, 'wanted');
  await create('wanted');
  await expect.poll(() => filling.length).toBe(1);
  filling[0]?.();
  await expect(waiting).rejects.toMatchObject({ code: 'conflict' });
  await busy;
  expect(filling).toHaveLength(1);
});
