import { AdminClient } from '@atoll/sdk';
import { expect, test } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';
import { call } from '../blaxel/calls.ts';
import type { SandboxInstance } from './client.ts';

/** Schedules (wire 1.5), by the unmodified client. */
export function testSchedules(server: () => TestServer, sandbox: () => SandboxInstance): void {
  const schedules = () => sandbox().schedules;

  test('a command runs when its time has come, once, and is in the history', async () => {
    const input = { command: 'echo $WORD > /tmp/scheduled', name: 'scheduled', env: { WORD: 'now' } };
    const made = await schedules().create({ type: 'sleep', value: '1s', input });
    expect([made.type, made.value]).toEqual(['at', made.nextAt]);
    const find = async () => (await schedules().executions()).data.find((one) => one.scheduleId === made.id);
    await expect
      .poll(async () => (await find())?.executedAt, { timeout: 60_000 })
      .toEqual(expect.any(String));
    expect(await find()).toMatchObject({ statusCode: 200, processName: 'scheduled' });
    await sandbox().process.wait('scheduled');
    expect(await sandbox().fs.read('/tmp/scheduled')).toBe('now\n');
    expect((await schedules().get(made.id)).nextAt).toBeUndefined();
    await schedules().delete(made.id);
    await expect(schedules().get(made.id)).rejects.toMatchObject({ code: 404 });
  });

  test('a schedule is listed, to who only looks without the values of its variables, changed and deleted', async () => {
    const input = { command: 'true', env: { TOKEN: 'hush' } };
    const made = await schedules().create({ type: 'cron', value: '0 8 * * *', input, maxExecutions: 3 });
    expect(made).toMatchObject({ input });
    const { value: key } = await new AdminClient({
      apiUrl: server().url,
      apiKey: server().apiKey,
    }).createKey({ name: 'looker', role: 'viewer' });
    const path = `/v0/sandboxes/shared/schedules/${made.id}`;
    const headers = { 'x-blaxel-authorization': `Bearer ${key}` };
    const seen = await call(server(), 'GET', path, undefined, headers);
    expect(seen.body).toMatchObject({ input: { command: 'true', env: { TOKEN: '***' } } });
    expect(new Date(made.nextAt ?? '').toISOString()).toMatch(/T08:00:00.000Z$/);
    const changed = await schedules().update(made.id, { type: 'cron', value: '30 9 * * *', input });
    expect([changed.id, changed.nextAt?.slice(10)]).toEqual([made.id, 'T09:30:00.000Z']);
    expect((await schedules().list()).data.map(({ id }) => id)).toEqual([made.id]);
    const all = await call(server(), 'GET', '/v0/schedules');
    expect(all.body).toMatchObject({ data: [{ id: made.id }], meta: { total: 1 } });
    await schedules().delete(made.id);
  });

  test.each([
    ['cron', '0 8 * *'],
    ['cron', '0 0 31 2 *'],
    ['at', 'tomorrow'],
    ['sleep', 'a while'],
    ['never', '1'],
  ])('%s %j is refused', async (type, value) => {
    const body = { type, value, input: { command: 'true' } };
    expect((await call(server(), 'POST', '/v0/sandboxes/shared/schedules', body)).status).toBe(400);
  });
}
