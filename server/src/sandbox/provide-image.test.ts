import { expect, onTestFinished, test } from 'vitest';
import { openSandboxes, terminate } from '../../../test/fixtures/open-sandboxes.ts';
import { writeRecipes } from '../../../test/fixtures/recipes.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import type { RuntimeDriver } from '../runtime/driver.ts';

const desk = { image: 'desk', limits: {}, internet: true };

/** On a driver that says it can run any image. */
async function open() {
  const dir = await tempDir();
  const recipes = await writeRecipes(dir, ['desk']);
  const willing = (real: RuntimeDriver): RuntimeDriver => ({
    ...real,
    capabilities: { ...real.capabilities, runtimeNeeds: true },
  });
  const server = await openSandboxes(dir, willing, {}, 1, recipes.options);
  onTestFinished(async () => {
    for (const { id } of server.sandboxes.list(server.workspaceId)) await terminate(server, id);
    await server.sandboxes.close();
  });
  const stateOf = (id: string) => server.sandboxes.get(server.workspaceId, id).state;
  return { ...server, recipes, stateOf };
}

test('a create whose image has to be built is pending, and runs in the end', async () => {
  const { sandboxes, workspaceId, recipes, stateOf } = await open();
  const created = await Promise.all([1, 2].map(() => sandboxes.create(workspaceId, desk, 10_000)));
  expect(created.map(({ kind }) => kind)).toEqual(['pending', 'pending']);
  for (const { record } of created) {
    await expect.poll(() => stateOf(record.id), { timeout: 15_000 }).toBe('running');
    expect(sandboxes.get(workspaceId, record.id).manifestDigest).toMatch(/^sha256:/);
  }
  expect(await recipes.builds()).toHaveLength(1);
  expect((await sandboxes.create(workspaceId, desk, 10_000)).kind).toBe('running');
});

test('a build that fails fails the sandboxes that wait for it, with the reason', async () => {
  const { sandboxes, workspaceId, recipes, stateOf } = await open();
  await recipes.break('desk');
  const { record } = await sandboxes.create(workspaceId, desk, 10_000);
  await expect.poll(() => stateOf(record.id), { timeout: 15_000 }).toBe('failed');
  expect(sandboxes.get(workspaceId, record.id).error).toContain('the archive cannot be reached');
});

test('terminate does not wait for the build', async () => {
  const { sandboxes, workspaceId, recipes, stateOf } = await open();
  const server = { sandboxes, workspaceId };
  const { record } = await sandboxes.create(workspaceId, { ...desk, name: 'waiting' }, 10_000);
  await terminate(server, record.id);
  expect(stateOf(record.id)).toBe('terminated');
  await expect.poll(() => recipes.builds(), { timeout: 5_000 }).toHaveLength(1);
});

test('a driver that cannot run it refuses before anything is built', async () => {
  const dir = await tempDir();
  const recipes = await writeRecipes(dir, ['desk']);
  const { sandboxes, workspaceId } = await openSandboxes(dir, (real) => real, {}, 1, recipes.options);
  onTestFinished(() => sandboxes.close());
  await expect(sandboxes.create(workspaceId, desk, 10_000)).rejects.toThrow(/runtime fake cannot/);
  expect(await recipes.builds()).toEqual([]);
});
