import { expect, test } from 'vitest';
import { opened, request, terminate } from '../../../test/fixtures/open-sandboxes.ts';
import { withCheckpoints } from '../../../test/fixtures/stand-in-checkpoints.ts';
import { defaultAdmission } from './admission.ts';

test('a memory snapshot is refused while its sandbox is being terminated', async () => {
  const removing = Promise.withResolvers<void>();
  const mayGo = Promise.withResolvers<void>();
  const { sandboxes, snapshots, workspaceId } = await opened((real) => ({
    ...withCheckpoints(real),
    remove: async (slotId) => {
      removing.resolve();
      await mayGo.promise;
      await real.remove(slotId);
    },
  }));
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  const terminating = terminate({ sandboxes, workspaceId }, record.id);
  await removing.promise;
  const current = sandboxes.get(workspaceId, record.id);
  await expect(sandboxes.snapshot(current, 'memory').finally(mayGo.resolve)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('during its terminate') as string,
  });
  await terminating;
  expect(snapshots.list(workspaceId)).toEqual([]);
});

test('half a memory snapshot is neither restored nor removed, and one that a terminate cuts short has failed', async () => {
  const writing = Promise.withResolvers<void>();
  const { sandboxes, snapshots, workspaceId } = await opened((real) => ({
    ...withCheckpoints(real),
    checkpoint: (_slotId, _dir, _options, signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        writing.resolve();
      }),
  }));
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  const taking = sandboxes.snapshot(sandboxes.get(workspaceId, record.id), 'memory');
  await writing.promise;
  const [half] = snapshots.list(workspaceId);
  const restore = sandboxes.create(workspaceId, { limits: {}, snapshotId: half?.id ?? '' }, 10_000);
  await expect(restore).rejects.toMatchObject({
    code: 'invalid_state',
    message: expect.stringContaining('is not completed: it is in_progress') as string,
  });
  expect(() => snapshots.remove(workspaceId, half?.id ?? '')).toThrow('is being taken');
  await terminate({ sandboxes, workspaceId }, record.id);
  const { id } = await taking;
  expect(snapshots.find(workspaceId, id)).toMatchObject({
    status: 'failed',
    error: 'the sandbox was terminated meanwhile',
  });
});

test('the files of a memory snapshot that could not be read are read by a later try', async () => {
  let failures = 2;
  const { sandboxes, snapshots, workspaceId } = await opened(
    (real) => {
      const driver = withCheckpoints(real);
      return {
        ...driver,
        exportUpper: (...call) =>
          failures-- > 0 ? Promise.reject(new Error('the host is stuck')) : driver.exportUpper(...call),
      };
    },
    { recoverEveryMs: 20 },
  );
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  const { id } = await sandboxes.snapshot(sandboxes.get(workspaceId, record.id), 'memory');
  const hasFiles = (): boolean => snapshots.find(workspaceId, id).manifestDigest !== undefined;
  await expect.poll(hasFiles, { timeout: 10_000 }).toBe(true);
  expect(failures).toBe(-1);
});

test('a name that is taken meanwhile keeps a restore from it', async () => {
  const { sandboxes, snapshots, workspaceId } = await opened(withCheckpoints);
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  const { id: snapshotId } = await sandboxes.snapshot(sandboxes.get(workspaceId, record.id), 'memory');
  await expect.poll(() => snapshots.find(workspaceId, snapshotId).status).not.toBe('in_progress');
  const restore = () => sandboxes.create(workspaceId, { limits: {}, snapshotId, name: 'one' }, 10_000);
  const results = await Promise.allSettled([restore(), restore()]);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const result of results) {
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'name_taken' });
  }
  expect(sandboxes.list(workspaceId)).toHaveLength(2);
});

test('a host that is short of disk takes no snapshots, and what runs goes on', async () => {
  const admission = { ...defaultAdmission, reservedMemoryMb: 0, reservedDiskMb: 0 };
  const { sandboxes, snapshots, workspaceId } = await opened((real) => withCheckpoints(real), { admission });
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  const snapshot = () => sandboxes.snapshot(sandboxes.get(workspaceId, record.id), 'memory');
  admission.reservedDiskMb = Number.MAX_SAFE_INTEGER;
  await expect(snapshot()).rejects.toMatchObject({ code: 'host_out_of_disk' });
  expect(snapshots.list(workspaceId)).toEqual([]);
  expect(sandboxes.get(workspaceId, record.id).state).toBe('running');
  admission.reservedDiskMb = 0;
  expect((await snapshot()).kind).toBe('memory');
  await terminate({ sandboxes, workspaceId }, record.id);
});
