import { PoolInUseError, PoolNotFoundError, SandboxClient } from 'tensorlake';
import type { SandboxPoolInfo } from 'tensorlake';
import { beforeAll, expect, test } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';

/** Pools as the published client sees them (wire 1.6). */
describeOnEachDriver('pools with npm tensorlake', (server) => {
  let client = (): SandboxClient => {
    throw new Error('the server is not up');
  };
  /** After a restart the server has another port. */
  const connect = () => {
    const connected = new SandboxClient({ apiUrl: server().url, apiKey: server().apiKey });
    client = () => connected;
  };
  beforeAll(connect);
  const options = {
    image: 'tensorlake/ubuntu-minimal',
    cpus: 0.5,
    memoryMb: 256,
    ephemeralDiskMb: 1024,
    entrypoint: ['sleep', '300'],
    maxContainers: 3,
    warmContainers: 1,
  };
  const idleOf = ({ containers = [] }: SandboxPoolInfo): string[] =>
    containers.filter(({ sandboxId }) => sandboxId === undefined || sandboxId === null).map(({ id }) => id);
  const idle = async (poolId: string) => idleOf(await client().getPool(poolId));
  const untilIdle = async (poolId: string, count: number): Promise<string[]> => {
    await expect.poll(async () => (await idle(poolId)).length, { timeout: 20_000 }).toBe(count);
    return idle(poolId);
  };

  test('a warm container is claimed under its id, replaced, and given back by ending it', async () => {
    const { poolId, namespace } = await client().createPool(options);
    expect(namespace).toBe('default');
    const [warm] = await untilIdle(poolId, 1);
    const claimed = await client().claim(poolId);
    expect(claimed).toMatchObject({ status: 'running', sandboxId: warm });
    const after = await client().getPool(poolId);
    expect(after.containers).toContainEqual(
      expect.objectContaining({ id: warm, state: 'Running', sandboxId: warm }),
    );
    const [replacement] = await untilIdle(poolId, 1);
    expect(replacement).not.toBe(warm);
    expect((await client().get(claimed.sandboxId)).poolId).toBe(poolId);
    await expect(client().deletePool(poolId)).rejects.toBeInstanceOf(PoolInUseError);
    await client().delete(claimed.sandboxId);
    expect(await untilIdle(poolId, 1)).toEqual([replacement]);
    await client().deletePool(poolId);
    await expect(client().getPool(poolId)).rejects.toBeInstanceOf(PoolNotFoundError);
    await expect(client().claim(poolId)).rejects.toBeInstanceOf(PoolNotFoundError);
  });

  test('a claimed sandbox runs commands, and its entrypoint goes on', async () => {
    const { poolId } = await client().createPool({
      ...options,
      entrypoint: ['sh', '-c', 'echo $$ > /tmp/pid; sleep 300'],
    });
    await untilIdle(poolId, 1);
    const sandbox = await client().createAndConnect({ poolId });
    const { stdout } = await sandbox.run('sh', {
      args: ['-c', 'test -d /proc/$(cat /tmp/pid) && echo alive'],
    });
    expect(stdout).toBe('alive');
    await sandbox.terminate();
    await client().deletePool(poolId);
  });

  test('no more containers than there may be', async () => {
    const { poolId } = await client().createPool({ ...options, maxContainers: 2 });
    const claims = await Promise.allSettled([1, 2, 3].map(() => client().claim(poolId)));
    const claimed = claims.flatMap((claim) => (claim.status === 'fulfilled' ? [claim.value.sandboxId] : []));
    expect(new Set(claimed).size).toBe(2);
    expect(claims.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { statusCode: 429 } });
    expect((await client().getPool(poolId)).containers).toHaveLength(2);
    await Promise.all(claimed.map((id) => client().delete(id)));
    await untilIdle(poolId, 1);
    await client().deletePool(poolId);
  });

  test('an update replaces stale warm containers; lists show pools without containers', async () => {
    const { poolId } = await client().createPool(options);
    const [stale] = await untilIdle(poolId, 1);
    const updated = await client().updatePool(poolId, { ...options, memoryMb: 512, warmContainers: 2 });
    expect(updated).toMatchObject({ poolId, warmContainers: 2, resources: { memoryMb: 512 } });
    expect(await untilIdle(poolId, 2)).not.toContain(stale);
    const claimed = await client().claim(poolId);
    expect((await client().get(claimed.sandboxId)).resources.memoryMb).toBe(512);
    await client().delete(claimed.sandboxId);
    const listed = await client().listPools();
    expect([...listed]).toMatchObject([{ poolId, image: options.image, timeoutSecs: 0, maxContainers: 3 }]);
    expect(listed[0]?.containers).toBeUndefined();
    await client().deletePool(poolId);
  });

  test('a server that is killed while it fills a pool fills it after its start', async () => {
    const { poolId } = await client().createPool({ ...options, warmContainers: 2 });
    const [first] = await untilIdle(poolId, 1);
    await server().kill9();
    await server().restart();
    connect();
    expect(await untilIdle(poolId, 2)).toContain(first);
    const claimed = await client().claim(poolId);
    expect(claimed).toMatchObject({ status: 'running', sandboxId: first });
    await client().delete(claimed.sandboxId);
    await client().deletePool(poolId);
  });
});
