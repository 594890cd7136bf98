import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { describeOnUsualDriver } from '../fixtures/server.ts';
import { at, volumeCalls } from '../fixtures/volume-calls.ts';
import { readRecords } from './records.ts';

/** From before the first write of an attach or detach to beyond its last, in milliseconds. */
const isLong = process.env['ATOLL_TEST_LONG'] === '1';
const moments = isLong ? [0, 2, 5, 10, 15, 20, 30, 40, 60, 100] : [15];

describeOnUsualDriver('a server that is killed while a volume comes or goes', (server) => {
  const { make, remove, show, start, attach, detach, end } = volumeCalls(server);

  const killDuring = async (begin: () => Promise<unknown>, moment: number): Promise<void> => {
    const underWay = begin().catch(() => {});
    await sleep(moment);
    await server().kill9();
    await underWay;
    await server().restart();
  };

  test('leaves it attached or free, and its sandbox as it was', { timeout: 240_000 }, async () => {
    await make('between');
    const box = await start([]);
    await box.run('nohup sleep 100000 >/dev/null 2>&1 & echo $! > /tmp/pid');
    const isAttached = async (): Promise<boolean> => {
      expect(readRecords(server().dataDir)).toMatchObject([{ state: 'running', operation: null }]);
      const { attached_to: attached } = (await show('between')) as { attached_to: unknown[] }; // wire 1.7
      const { output } = await box.run(
        'kill -0 $(cat /tmp/pid) && cat /mnt/data/file 2>/dev/null || grep -c /mnt/data /proc/mounts',
      );
      expect(output).toMatch(attached.length === 1 ? /^(?:kept|1)$/ : /^0$/);
      return attached.length === 1;
    };
    for (const moment of moments) {
      await killDuring(() => attach(box.id, at('between')), moment);
      if (!(await isAttached())) expect((await attach(box.id, at('between'))).status).toBe(200);
      await box.run('echo kept > /mnt/data/file');
      await killDuring(() => detach(box.id, '/mnt/data'), moment);
      if (await isAttached()) expect((await detach(box.id, '/mnt/data')).status).toBe(200);
      expect(await isAttached()).toBe(false);
    }
    await end(box.id);
    expect((await remove('between')).status).toBe(204);
  });
});
