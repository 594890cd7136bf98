import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, createSandbox, sandboxCalls } from '../../fixtures/api.ts';
import type { TestServer } from '../../fixtures/server.ts';

interface Shown {
  pid: number;
  managed: {
    status: string;
    restart_count: number;
    health_status: string;
    last_exit?: { signal: number | null };
  };
}

/** Managed processes: policies, health checks, and what does not hold them up. */
export function testSupervision(server: () => TestServer): void {
  let id = '';
  beforeAll(async () => {
    id = await createSandbox(server(), {});
  });
  afterAll(() => call(server(), `/sandboxes/${id}`, { method: 'DELETE' }));
  const box = () => sandboxCalls(server(), id);

  const start = async (name: string, body: object): Promise<Shown> => {
    const answer = await box().call('/api/v1/processes', { body: { name, ...body } });
    expect(answer.status).toBe(201);
    return answer.body as Shown; // wire 2.2
  };
  const shown = async (name: string): Promise<Shown> =>
    (await box().call(`/api/v1/processes/${name}`)).body as Shown; // wire 2.2

  test('a process that fails is started again as its policy says, and then no more', async () => {
    await start('failing', {
      command: 'sh',
      args: ['-c', 'exit 3'],
      restart: { policy: 'on_failure', max_restarts: 2, initial_backoff_ms: 1 },
    });
    await expect
      .poll(() => shown('failing'), { timeout: 10_000 })
      .toMatchObject({ managed: { status: 'stopped', restart_count: 2, last_exit: { exit_code: 3 } } });
  });

  test('one that stops answering is found by its health check and started again', async () => {
    const first = await start('web', {
      command: 'python3',
      args: ['-m', 'http.server', '8123', '--bind', '127.0.0.1'],
      restart: { policy: 'on_failure', initial_backoff_ms: 1 },
      health_check: {
        type: 'http',
        port: 8123,
        initial_delay_ms: 1_500,
        interval_ms: 100,
        timeout_ms: 1_000,
      },
    });
    const healthy = { managed: { status: 'running', health_status: 'healthy' } };
    await expect.poll(() => shown('web'), { timeout: 20_000 }).toMatchObject(healthy);
    await box().call('/api/v1/processes/web/signal', { body: { signal: 19 } });
    await expect
      .poll(() => shown('web'), { timeout: 20_000 })
      .toMatchObject({ managed: { restart_count: 1, last_exit: { signal: 9 } } });
    await expect.poll(() => shown('web'), { timeout: 20_000 }).toMatchObject(healthy);
    expect((await shown('web')).pid).not.toBe(first.pid);
  });

  test('a follower that does not read holds neither a restart nor a stop up', async () => {
    const first = await start('talker', { command: 'seq', args: ['1', '999999999999'] });
    const follower = await box().open('/api/v1/processes/talker/stdout/follow');
    follower.once('error', () => {}).pause();
    const lines = async (): Promise<string> =>
      JSON.stringify(await box().call('/api/v1/processes/talker/stdout'));
    let before = '';
    await expect
      .poll(async () => before === (before = await lines()), { timeout: 20_000, interval: 300 })
      .toBe(true);
    expect(await box().call('/api/v1/processes/talker/restart', { method: 'POST' })).toMatchObject({
      status: 200,
    });
    expect((await shown('talker')).pid).not.toBe(first.pid);
    expect(await box().call('/api/v1/processes/talker', { method: 'DELETE' })).toMatchObject({ status: 204 });
    expect(await shown('talker')).toMatchObject({ managed: { status: 'stopped' } });
    follower.destroy();
  });
}
