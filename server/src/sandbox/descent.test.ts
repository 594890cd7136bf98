import { expect, test } from 'vitest';
import { opened, request } from '../../../test/fixtures/open-sandboxes.ts';
import { withCheckpoints } from '../../../test/fixtures/stand-in-checkpoints.ts';

const HIBERNATE_AFTER_MS = 60_000;
const PATIENCE = { timeout: 15_000 };

test('who sleeps in memory goes to the disk, the longest asleep first, and who cannot stays for a while', async () => {
  let skewMs = 0;
  const tried: string[] = [];
  const { sandboxes, workspaceId } = await opened(
    (real) => {
      const driver = withCheckpoints(real);
      return {
        ...driver,
        checkpoint: (slotId, ...rest) => {
          tried.push(slotId);
          return tried.length === 1
            ? Promise.reject(new Error('the disk is full'))
            : driver.checkpoint(slotId, ...rest);
        },
      };
    },
    { clock: { now: () => Date.now() + skewMs }, hibernateAfterMs: HIBERNATE_AFTER_MS },
  );
  const get = (name: string) => sandboxes.get(workspaceId, name);
  for (const name of ['first', 'second']) {
    await sandboxes.create(workspaceId, { ...request, name, timeoutSecs: 1 }, 10_000);
    await expect.poll(() => get(name).state, PATIENCE).toBe('suspended');
  }
  const [first, second] = [get('first').slotId, get('second').slotId];
  expect([get('first').checkpointId, get('second').checkpointId, tried]).toEqual([undefined, undefined, []]);

  skewMs += HIBERNATE_AFTER_MS;
  await expect.poll(() => get('second').checkpointId, PATIENCE).toBeDefined();
  expect(tried).toEqual([first, second]);
  expect(get('first')).toMatchObject({ state: 'suspended', error: expect.any(String) as string });
  expect(get('first').checkpointId).toBeUndefined();

  skewMs += HIBERNATE_AFTER_MS;
  await expect.poll(() => get('first').checkpointId, PATIENCE).toBeDefined();
  expect(tried).toEqual([first, second, first]);
  await expect.poll(() => get('first').slotId, PATIENCE).toBeUndefined();
  expect(get('first').error).toBeUndefined();
}, 60_000);
