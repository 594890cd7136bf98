import { expect, test } from 'vitest';
import { call, createSandbox, sandboxCalls } from '../../fixtures/api.ts';
import { runCli } from '../../fixtures/run-cli.ts';
import type { TestServer } from '../../fixtures/server.ts';
import { snapshotCalls } from '../../fixtures/snapshot-calls.ts';

const small = { resources: { memory_mb: 128 } };

/** A sandbox becomes again what it was, under the same id and name. */
export function testRollback(server: () => TestServer): void {
  const snapshots = snapshotCalls(server);
  const get = async (id: string) => (await call(server(), `/sandboxes/${id}`)).body;
  const terminate = (id: string) => call(server(), `/sandboxes/${id}`, { method: 'DELETE' });
  const post = (path: string, body?: object) => call(server(), path, { method: 'POST', body });
  const rollback = (id: string, snapshot: string) =>
    post(`/sandboxes/${id}/rollback`, { snapshot_id: snapshot });
  const suspend = async (id: string) => {
    await post(`/sandboxes/${id}/suspend`);
    await expect.poll(() => get(id), { timeout: 20_000 }).toMatchObject({ status: 'suspended' });
  };

  test('a sandbox is what it was, with its id and name, also after a restart of the server', async () => {
    const id = await createSandbox(server(), { ...small, name: 'back' });
    const box = sandboxCalls(server(), id);
    await box.run('echo first > /workspace/file');
    const { id: snapshot } = await snapshots.take(id);
    await box.run('echo second > /workspace/file; touch /workspace/more');
    await box.call('/api/v1/processes', { body: { command: 'sleep', args: ['1000'] } });
    expect(await rollback('back', snapshot)).toMatchObject({
      status: 200,
      body: { id, name: 'back', status: 'running', origin_snapshot_id: snapshot },
    });
    expect((await box.run('cat /workspace/file; ls /workspace')).output).toBe('first\nfile');
    expect((await box.run('pgrep -c sleep')).output).toBe('0');
    await suspend(id);
    const byHand = await runCli(['sbx', 'rollback', 'back', snapshot], {
      env: { ATOLL_DATA_DIR: server().dataDir },
    });
    expect(byHand, byHand.stderr).toMatchObject({ exitCode: 0 });
    expect(await get(id)).toMatchObject({ name: 'back', status: 'running' });
    await server().kill9();
    await server().restart();
    expect((await sandboxCalls(server(), 'back').run('cat /workspace/file')).output).toBe('first');
    await terminate(id);
  });

  test('requests during a rollback are answered by the sandbox as it is then', async () => {
    const id = await createSandbox(server(), small);
    await sandboxCalls(server(), id).run('echo first > /workspace/file');
    const { id: snapshot } = await snapshots.take(id);
    await sandboxCalls(server(), id).run('echo second > /workspace/file');
    const rolling = rollback(id, snapshot);
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => sandboxCalls(server(), id).run('cat /workspace/file')),
    );
    expect((await rolling).status).toBe(200);
    for (const { output } of answers) expect(['first', 'second', '']).toContain(output);
    expect((await sandboxCalls(server(), id).run('cat /workspace/file')).output).toBe('first');
    await terminate(id);
  });

  test('against a terminate, a suspend and another rollback: one after the other, or refused', async () => {
    const id = await createSandbox(server(), { ...small, name: 'raced' });
    const { id: snapshot } = await snapshots.take(id);
    const both = await Promise.all([rollback(id, snapshot), rollback(id, snapshot)]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    const [rolled, suspended] = await Promise.all([rollback(id, snapshot), post('/sandboxes/raced/suspend')]);
    expect([rolled.status, suspended.status]).toSatisfy(
      ([a, b]: number[]) => (a === 200 && b === 409) || (a === 409 && b === 202),
    );
    const [, ended] = await Promise.all([rollback(id, snapshot), terminate(id)]);
    expect(ended.status).toBe(200);
    expect(await get(id)).toMatchObject({ status: 'terminated' });
    expect(await rollback(id, snapshot)).toMatchObject({ status: 400, body: { code: 'invalid_state' } });
  });

  test('a rollback to nothing is refused, and the sandbox goes on', async () => {
    const id = await createSandbox(server(), small);
    const refused = await rollback(id, 'abcdefghijklmnopqrstu');
    expect(refused).toMatchObject({ status: 404, body: { code: 'snapshot_not_found' } });
    expect((await sandboxCalls(server(), id).run('echo on')).output).toBe('on');
    await terminate(id);
  });
}
