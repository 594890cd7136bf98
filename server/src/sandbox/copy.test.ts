import { expect, test } from 'vitest';
import { opened, request, terminate } from '../../../test/fixtures/open-sandboxes.ts';
import { withCheckpoints } from '../../../test/fixtures/stand-in-checkpoints.ts';
import type { RuntimeDriver } from '../runtime/driver.ts';
import { defaultAdmission } from './admission.ts';
import type { SandboxesOptions } from './sandboxes.ts';

/** Sandboxes with one to copy, on a driver that counts the checkpoints it writes. */
async function openWithSource(
  wrap: (driver: RuntimeDriver) => RuntimeDriver = (driver) => driver,
  options?: Partial<SandboxesOptions>,
) {
  let written = 0;
  const server = await opened((real) => {
    const driver = withCheckpoints(wrap(real));
    const checkpoint: RuntimeDriver['checkpoint'] = (...call) => {
      written += 1;
      return driver.checkpoint(...call);
    };
    return { ...driver, checkpoint };
  }, options);
  const { sandboxes, workspaceId } = server;
  const { record } = await sandboxes.create(workspaceId, { ...request, name: 'source' }, 10_000);
  const copy = (times: number) =>
    sandboxes.copy(sandboxes.get(workspaceId, record.id), { times, timeoutMs: 10_000 });
  return { ...server, copy, ids: () => sandboxes.list(workspaceId).length, written: () => written };
}

test('copies run, each under an id of its own', async () => {
  const { copy, ids } = await openWithSource();
  const copies = await copy(3);
  expect(copies.map(({ kind }) => kind)).toEqual(['running', 'running', 'running']);
  expect(ids()).toBe(4);
});

test('copies that are asked for at once get their turn, one after the other', async () => {
  const { copy, written } = await openWithSource();
  const copied = await Promise.all(Array.from({ length: 4 }, () => copy(1)));
  expect(copied.flat().map(({ kind }) => kind)).toEqual(Array.from({ length: 4 }, () => 'running'));
  expect(written()).toBe(4);
});

test('copies beyond the memory of the host are refused before anything starts', async () => {
  const { copy, ids, written } = await openWithSource((real) => ({
    ...real,
    stats: async (slotId) => ({ ...(await real.stats(slotId)), memoryBytes: 2 ** 50 }),
  }));
  await expect(copy(2)).rejects.toMatchObject({ code: 'host_out_of_memory', status: 503 });
  expect([ids(), written()]).toEqual([1, 0]);
});

test('copies beyond the quota of the workspace are refused before anything starts', async () => {
  const admission = { ...defaultAdmission, maxLivingPerWorkspace: 3 };
  const { copy, ids, written } = await openWithSource(undefined, { admission });
  await expect(copy(3)).rejects.toMatchObject({ code: 'quota_exceeded', status: 429 });
  expect([ids(), written()]).toEqual([1, 0]);
  expect(await copy(2)).toHaveLength(2);
});

test('more copies than may wait for their turn are refused, all of them, before anything starts', async () => {
  const { copy, ids, written } = await openWithSource(undefined, { maxStarts: 1, maxWaiting: 1 });
  await expect(copy(3)).rejects.toMatchObject({ code: 'too_busy', status: 503 });
  expect([ids(), written()]).toEqual([1, 0]);
  expect(await copy(2)).toHaveLength(2);
});

test('a copy whose source is terminated meanwhile is refused, and leaves nothing', async () => {
  const writing = Promise.withResolvers<void>();
  const { sandboxes, workspaceId } = await opened((real) => ({
    ...withCheckpoints(real),
    checkpoint: (_slotId, _dir, _options, signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        writing.resolve();
      }),
  }));
  const { record } = await sandboxes.create(workspaceId, { ...request, name: 'source' }, 10_000);
  const copying = sandboxes.copy(sandboxes.get(workspaceId, record.id), { times: 2, timeoutMs: 10_000 });
  const refused = expect(copying).rejects.toMatchObject({ code: 'conflict' });
  await writing.promise;
  await terminate({ sandboxes, workspaceId }, record.id);
  await refused;
  expect(sandboxes.list(workspaceId)).toHaveLength(1);
});

test('a copy of a sandbox whose secret was removed goes on without it', async () => {
  const { sandboxes, secrets, workspaceId } = await opened(withCheckpoints);
  const [kept, removed] = secrets.set(workspaceId, [
    { name: 'KEPT', value: 'k' },
    { name: 'REMOVED', value: 'r' },
  ]);
  const secretNames = ['KEPT', 'REMOVED'];
  const { record } = await sandboxes.create(workspaceId, { ...request, secretNames }, 10_000);
  secrets.remove(workspaceId, removed?.id ?? '');
  const [copy] = await sandboxes.copy(sandboxes.get(workspaceId, record.id), { times: 1, timeoutMs: 10_000 });
  expect(copy).toMatchObject({ kind: 'running', record: { secretNames: [kept?.name] } });
});
