import { expect, test } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';
import { call, create, get } from '../blaxel/calls.ts';
import type { Client, SandboxInstance } from './client.ts';

const run = async (sandbox: SandboxInstance, command: string): Promise<string> =>
  (await sandbox.process.exec({ command, waitForCompletion: true })).stdout;

/** Snapshots and forks (wire 1.5), by the unmodified client. */
export function testSnapshots(server: () => TestServer, client: () => Client, hasMemory: boolean): void {
  test('a sandbox becomes again what a snapshot holds, and others begin with it', async () => {
    const envs = [
      { name: 'WORD', value: 'kept' },
      { name: 'TOKEN', value: 'hidden', secret: true },
    ];
    // The client leaves out that a variable is secret.
    await create(server(), 'source', { envs });
    const source = await client().get('source');
    await run(source, 'echo first > /tmp/state');
    const taken = await source.snapshots.create('s1');
    expect([taken.name, taken.status, taken.source.deleted]).toEqual(['s1', 'ready', false]);
    await expect(source.snapshots.create('s1')).rejects.toMatchObject({ code: 409 });
    expect((await source.snapshots.list()).map(({ name }) => name)).toEqual(['s1']);
    await run(source, 'echo second > /tmp/state');

    const forked = await taken.fork('from-snapshot', { envs: [{ name: 'OWN', value: '1' }] });
    expect(forked.name).toBe('from-snapshot');
    const fork = await client().get('from-snapshot');
    expect(await run(fork, 'cat /tmp/state; echo $WORD $TOKEN $OWN')).toBe('first\nkept hidden 1\n');
    const shown = (await get(server(), 'from-snapshot')).spec.runtime?.envs;
    expect(shown).toContainEqual({ name: 'TOKEN', value: '***', secret: true });
    await fork.delete();

    await source.process.exec({ command: 'sleep 1000', name: 'sleeper' });
    expect(await source.fork('live-fork')).toMatchObject({ name: 'live-fork', type: 'sandbox' });
    const live = await client().get('live-fork');
    expect(await run(live, 'cat /tmp/state')).toBe('second\n');
    const names = (await live.process.list()).map(({ name }) => name);
    expect(names.includes('sleeper')).toBe(hasMemory);
    await live.delete();
    const taking = await call(server(), 'POST', '/v0/sandboxes/source/fork', {
      target_name: 'source',
      type: 'sandbox',
    });
    expect(taking.status).toBe(409);

    const second = await source.snapshots.create('s2');
    const page = async (query: string) => (await call(server(), 'GET', `/v0/snapshots?limit=1${query}`)).body;
    const [first, next] = [await page(''), await page(`&cursor=${second.id}`)];
    expect(first).toMatchObject({
      data: [{ name: 's2' }],
      meta: { hasMore: true, total: 2, nextCursor: second.id },
    });
    expect(next).toMatchObject({ data: [{ name: 's1' }], meta: { hasMore: false, total: 2 } });
    await second.delete();
    expect(await source.snapshots.restore('s1')).toEqual({ name: 'source', snapshotId: taken.id });
    expect(await run(await client().get('source'), 'cat /tmp/state')).toBe('first\n');
    await source.delete();
    expect((await call(server(), 'GET', `/v0/snapshots/${taken.id}`)).body).toMatchObject({
      source: { name: 'source', deleted: true },
    });
    await taken.delete();
    expect((await call(server(), 'GET', `/v0/snapshots/${taken.id}`)).status).toBe(404);
    expect((await call(server(), 'GET', '/v0/snapshots')).body).toMatchObject({ data: [] });
  });
}
