import { expect, test } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';
import { call, create, get, put } from './calls.ts';

/** What becomes of a sandbox that nobody asks anything (wire 5); the server of these tests waits one second. */
export function testStandby(server: () => TestServer): void {
  const exec = async (name: string, body: Record<string, unknown>): Promise<string> => {
    const answer = await call(server(), 'POST', `/default/sandboxes/${name}/process`, body);
    expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
    return (answer.body as { stdout: string }).stdout; // by the wire
  };
  const stateOf = async (name: string) => (await get(server(), name)).state;
  const patience = { timeout: 30_000 };

  test('a sandbox stands by without requests, and any request wakes it where it was', async () => {
    await create(server(), 'sleepy');
    await exec('sleepy', { command: 'echo $$ > /tmp/pid; exec sleep 600', name: 'job' });
    await expect.poll(() => stateOf('sleepy'), patience).toBe('STANDBY');
    expect((await get(server(), 'sleepy')).status).toBe('DEPLOYED');
    expect(
      await exec('sleepy', { command: 'kill -0 $(cat /tmp/pid) && echo alive', waitForCompletion: true }),
    ).toBe('alive\n');
    expect(await stateOf('sleepy')).toBe('RUNNING');
    await call(server(), 'DELETE', '/v0/sandboxes/sleepy');
  });

  test('a keepAlive process holds a sandbox awake as long as it runs', async () => {
    await create(server(), 'held');
    await exec('held', { command: 'cat', name: 'holder', keepAlive: true, stdin: true });
    await create(server(), 'free');
    await expect.poll(() => stateOf('free'), patience).toBe('STANDBY');
    expect(await stateOf('held')).toBe('RUNNING');
    await call(server(), 'DELETE', '/default/sandboxes/held/process/holder/stdin');
    await expect.poll(() => stateOf('held'), patience).toBe('STANDBY');
    for (const name of ['held', 'free']) await call(server(), 'DELETE', `/v0/sandboxes/${name}`);
  });

  test('other labels, limits of life and network rules keep files and processes; another environment and a name that is free again begin anew', async () => {
    await create(server(), 'kept', { envs: [{ name: 'A', value: '1' }] });
    const look = () =>
      exec('kept', { command: 'cat /tmp/mark 2>/dev/null; echo $A', waitForCompletion: true });
    await exec('kept', { command: 'printf marked > /tmp/mark', waitForCompletion: true });
    await exec('kept', { command: 'exec sleep 600', name: 'job' });
    await put(server(), 'kept', ({ metadata, spec }) => ({
      metadata: { ...metadata, labels: { other: 'one' } },
      spec: {
        ...spec,
        runtime: { ...spec.runtime, ttl: '2h' },
        lifecycle: { expirationPolicies: [{ type: 'ttl-idle', value: '1h', action: 'delete' }] },
        network: { forbiddenDomains: ['203.0.113.0/24'] },
      },
    }));
    expect(await look()).toBe('marked1\n');
    const job = await call(server(), 'GET', '/default/sandboxes/kept/process/job');
    expect(job.body).toMatchObject({ status: 'running' });
    await put(server(), 'kept', ({ metadata, spec }) => ({
      metadata,
      spec: { ...spec, runtime: { ...spec.runtime, envs: [{ name: 'A', value: '2' }] } },
    }));
    expect(await look()).toBe('2\n');
    await call(server(), 'DELETE', '/v0/sandboxes/kept');
    // Under a name that is free again nothing of the former one is left.
    await create(server(), 'kept');
    expect(await look()).toBe('\n');
    await call(server(), 'DELETE', '/v0/sandboxes/kept');
  });

  test('a sandbox past its idle limit ends in its sleep', async () => {
    await create(
      server(),
      'idle',
      {},
      { lifecycle: { expirationPolicies: [{ type: 'ttl-idle', value: '3s' }] } },
    );
    await expect.poll(async () => (await get(server(), 'idle')).status, patience).toBe('TERMINATED');
  });
}
