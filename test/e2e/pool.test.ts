import { SandboxClient } from '@atoll/sdk';
import { expect, test } from 'vitest';
import { call } from '../fixtures/api.ts';
import { runCli } from '../fixtures/run-cli.ts';
import { useServer } from '../fixtures/server.ts';

const server = useServer({ runtime: 'fake' });

test('`atoll pool` makes, shows, changes, claims from and deletes pools', async () => {
  const env = { ATOLL_URL: server().url, ATOLL_API_KEY: server().apiKey };
  const cli = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await runCli(args, { env });
    return `${exitCode} ${stdout}${stderr}`;
  };
  expect(await cli('pool', 'ls')).toBe('0 No pools found.\n');
  const made = await cli('pool', 'create', '-m', '256', '--warm', '1', '--max', '2', '-t', '600');
  expect(made).toMatch(/^0 [a-z0-9]{21}\n$/);
  const pool = made.slice(2).trim();
  expect(await cli('pool', 'ls')).toMatch(
    new RegExp(`^0 ID\t.*\n${pool}\ttensorlake/ubuntu-minimal\t1\t256 MB\t1\t2\t.*\n1 pool\n$`),
  );
  const claimed = (await cli('pool', 'claim', pool)).slice(2).trim();
  expect(await cli('pool', 'describe', pool)).toMatch(new RegExp(`${claimed}\tRunning\t${claimed}`));
  expect(await cli('sbx', 'describe', claimed)).toMatch(new RegExp(`Pool: +${pool}`));
  expect(await cli('pool', 'update', pool)).toMatch(/^2 /);
  expect(await cli('pool', 'update', pool, '--max', '5')).toBe(`0 ${pool}\n`);
  expect(await cli('pool', 'describe', pool)).toMatch(/Memory: +256 MB[^]*Max: +5[^]*Timeout: +600s/);
  expect(await cli('pool', 'rm', pool)).toMatch(/^1 .*claimed and live/);
  await cli('sbx', 'terminate', claimed);
  expect(await cli('pool', 'rm', pool)).toBe(`0 ${pool}\n`);
  expect(await cli('pool', 'rm', pool)).toMatch(/^1 .*Pool not found/);
});

test('the SDK claims a handle that ends its sandbox', async () => {
  const client = new SandboxClient({ apiUrl: server().url, apiKey: server().apiKey });
  const { poolId } = await client.createPool({ warmContainers: 1, maxContainers: 1 });
  {
    await using sandbox = await client.claimAndConnect(poolId);
    expect((await sandbox.run('echo', ['claimed'])).stdout.trim()).toBe('claimed');
    expect((await client.get(sandbox.sandboxId)).poolId).toBe(poolId);
    await expect(client.claim(poolId)).rejects.toMatchObject({ statusCode: 429, code: 'pool_exhausted' });
    await expect(client.deletePool(poolId)).rejects.toMatchObject({ name: 'PoolInUseError' });
  }
  await client.deletePool(poolId);
  await expect(client.getPool(poolId)).rejects.toMatchObject({ name: 'PoolNotFoundError' });
});

test('what the wire asks of a claim, and what a pool is refused for', async () => {
  const path = '/v1/namespaces/default/sandbox-pools';
  const made = await call(server(), path, { body: { resources: { memory_mb: 256 }, warm_containers: null } });
  expect(made).toMatchObject({ status: 200, body: { namespace: 'default' } });
  const { pool_id: id } = made.body as { pool_id: string }; // wire 1.6
  const claim = await call(server(), `${path}/${id}/sandboxes`, { body: { file_systems: [] } });
  expect(claim).toMatchObject({
    status: 200,
    body: { status: 'running', claim_configuration_applied: true },
  });
  const mount = { file_systems: [{ file_system_id: 'skills', mount_path: '/mnt' }] };
  const refusals = [
    [`${path}/${id}/sandboxes`, mount, 400, 'unsupported'],
    [path, mount, 400, 'unsupported'],
    [`${path}/none/sandboxes`, {}, 404, 'pool_not_found'],
    [path, { image: 'none' }, 404, 'image_not_found'],
    [path, { warm_containers: -1 }, 400, 'invalid_request'],
    [path, { warm_containers: 2, max_containers: 1 }, 400, 'invalid_request'],
    [path, { secret_names: ['NONE'] }, 404, 'secret_not_found'],
    [path, { warm_containers: 101 }, 429, 'quota_exceeded'],
  ] as const;
  for (const [at, body, status, code] of refusals)
    expect(await call(server(), at, { body })).toMatchObject({ status, body: { code } });
  const { sandbox_id: sandboxId } = claim.body as { sandbox_id: string }; // wire 1.6
  await call(server(), `/sandboxes/${sandboxId}`, { method: 'DELETE' });
  expect(await call(server(), `${path}/${id}`, { method: 'DELETE' })).toMatchObject({ status: 200 });
});
