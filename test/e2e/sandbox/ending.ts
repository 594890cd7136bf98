import { expect, test, vi } from 'vitest';
import { call, createSandbox, sandboxCalls } from '../../fixtures/api.ts';
import type { DriverName } from '../../fixtures/driver-under-test.ts';
import type { TestServer } from '../../fixtures/server.ts';

const small = { resources: { memory_mb: 128 } };

/** How sandboxes end, and what creates do that do not come to their end. */
export function testEnding(server: () => TestServer, driver: DriverName): void {
  const get = (id: string) => call(server(), `/sandboxes/${id}`);
  const terminate = (id: string) => call(server(), `/sandboxes/${id}`, { method: 'DELETE' });
  const hasState = (id: string, fields: object) =>
    vi.waitFor(async () => expect(await get(id)).toMatchObject({ status: 200, body: fields }), {
      timeout: 20_000,
      interval: 100,
    });

  test('an unnamed sandbox ends when its timeout passes without traffic', async () => {
    const id = await createSandbox(server(), { ...small, timeout_secs: 1 });
    await hasState(id, { status: 'terminated', outcome: 'Success(Timeout)', termination_reason: 'timeout' });
    expect(await sandboxCalls(server(), id).call('/api/v1/health')).toMatchObject({
      status: 410,
      body: { code: 'SANDBOX_ENDED' },
    });
  });

  test('a request in flight stops the clock, and each one starts it anew', async () => {
    const id = await createSandbox(server(), { ...small, timeout_secs: 2 });
    expect((await sandboxCalls(server(), id).run('sleep 4; echo done')).output).toBe('done');
    expect(await get(id)).toMatchObject({ body: { status: 'running' } });
    await hasState(id, { status: 'terminated' });
  });

  test('a create that takes longer than its client waits is 504 with the id, and goes on', async () => {
    const headers = { 'x-tensorlake-request-timeout-ms': '1' };
    const answer = await call(server(), '/sandboxes', { body: { ...small, name: 'slow' }, headers });
    expect(answer).toMatchObject({
      status: 504,
      body: {
        sandbox_id: expect.stringMatching(/^[a-z0-9]{21}$/),
        status: 'timeout',
        reason: expect.stringMatching(/\w/),
      },
    });
    const { sandbox_id: id } = answer.body as { sandbox_id: string }; // wire 1.3
    await hasState(id, { status: 'running', name: 'slow' });
    expect(await terminate(id)).toMatchObject({ status: 200 });
  });

  test('terminate wins over a create in flight', async () => {
    const created = call(server(), '/sandboxes', {
      body: { resources: { memory_mb: 200 }, name: 'unwanted' },
    });
    await vi.waitFor(async () => expect((await get('unwanted')).status).toBe(200), { interval: 5 });
    const { body } = await get('unwanted');
    const ended = await terminate('unwanted');
    const { id } = body as { id: string }; // wire 1.4
    expect(ended.status).toBe(200);
    expect((await created).status).toSatisfy((status: number) => status === 409 || status === 200);
    expect(await get(id)).toMatchObject({ body: { status: 'terminated' } });
    expect((await get('unwanted')).status).toBe(404);
  });

  test('terminates at once are one, and a running command ends with its sandbox', async () => {
    const id = await createSandbox(server(), small);
    const running = sandboxCalls(server(), id)
      .run('sleep 60')
      .catch((error: unknown) => error);
    const answers = await Promise.all(Array.from({ length: 5 }, () => terminate(id)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(await running).not.toMatchObject({ exit: { exit_code: 0 } });
  });

  // The host's kernel shields the PID 1 of a namespace from what is inside (pid_namespaces(7)); gVisor does not.
  const outcome = driver === 'gvisor' ? 'ends the sandbox, which says so' : 'does nothing';
  test(`kill -9 1 by root inside ${outcome}`, async () => {
    const id = await createSandbox(server(), small);
    const box = sandboxCalls(server(), id);
    await box.run('kill -9 1', { user: 'root' }).catch(() => {});
    if (driver === 'gvisor') await hasState(id, { status: 'terminated', termination_reason: 'agent_exited' });
    else expect((await box.run('echo alive')).output).toBe('alive');
    expect(await terminate(id)).toMatchObject({ status: 200 });
  });

  test('a name is free as soon as its sandbox has ended', async () => {
    const ids: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      ids.push(await createSandbox(server(), { ...small, name: 'again' }));
      expect(await terminate('again')).toMatchObject({ status: 200 });
    }
    expect(new Set(ids).size).toBe(3);
  });

  test('ten creates of one name make one sandbox', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        call(server(), '/sandboxes', { body: { ...small, name: 'only-one' } }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([
      200,
      ...Array.from({ length: 9 }, () => 409),
    ]);
    await terminate('only-one');
  });
}
