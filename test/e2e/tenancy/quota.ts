import { expect, onTestFinished, test } from 'vitest';
import { call, createSandbox, sandboxCalls } from '../../fixtures/api.ts';
import type { Target } from '../../fixtures/api.ts';
import { runCli } from '../../fixtures/run-cli.ts';
import type { TestServer } from '../../fixtures/server.ts';

/** Limits of a workspace over the server's own API and the CLI, each test in a workspace of its own. */
export function testQuotas(server: () => TestServer): void {
  let round = 0;
  interface Account {
    apiKey: string;
    workspace: { name: string };
  }
  /** A workspace of another account than the operator's; what lives in it ends with the test. */
  const tenant = async () => {
    const name = `limited${++round}`;
    const { body } = await call(server(), '/v1/accounts', {
      body: { name, workspace: name, ownerName: 'Owner' },
    });
    const { apiKey } = body as Account; // the route's own schema
    const target: Target = { url: server().url, apiKey };
    onTestFinished(async () => {
      const { body: listed } = await call(target, '/sandboxes');
      const { sandboxes } = listed as { sandboxes: { id: string }[] }; // the route's own schema
      await Promise.all(sandboxes.map(({ id }) => call(target, `/sandboxes/${id}`, { method: 'DELETE' })));
    });
    return { name, target, path: `/v1/workspaces/${name}/quotas` };
  };
  const limit = (path: string, body: object, target: Target = server()) =>
    call(target, path, { method: 'PATCH', body });
  const create = (target: Target, body: object = {}) => call(target, '/sandboxes', { body });
  const exceeded = (message: string) => ({
    status: 429,
    headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
    body: { code: 'quota_exceeded', message: expect.stringContaining(message), hint: expect.any(String) },
  });

  test('of creates that come at once, as many succeed as the quota has room for', async () => {
    const { target, path } = await tenant();
    await limit(path, { sandboxes: 2 });
    const answers = await Promise.all(Array.from({ length: 6 }, () => create(target)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2);
    for (const refused of answers.filter(({ status }) => status !== 200))
      expect(refused).toMatchObject(exceeded('its quota is 2'));
    expect((await call(target, path)).body).toMatchObject({ sandboxes: { used: 2, limit: 2, isOwn: true } });
  });

  test('sizes of all sandboxes together stay within the quota, and room comes back', async () => {
    const { target, path } = await tenant();
    const resources = { cpus: 2, memory_mb: 2048, disk_mb: 4096 };
    const { body } = await create(target, { resources });
    const refused = async (quotas: object, message: string) => {
      await limit(path, quotas);
      expect(await create(target, { resources })).toMatchObject(exceeded(message));
    };
    await refused({ cpus: 3.9 }, 'has 2 CPUs and asks for 2 more; its quota is 3.9');
    await refused({ cpus: null, memoryMb: 4095 }, 'has 2048 MB of memory');
    await refused({ memoryMb: null, diskMb: 4096 }, 'has 4096 MB of disk');
    expect((await call(target, path)).body).toMatchObject({ diskMb: { used: 4096, limit: 4096 } });
    const { sandbox_id: id } = body as { sandbox_id: string }; // the route's own schema
    await call(target, `/sandboxes/${id}`, { method: 'DELETE' });
    expect(await create(target, { resources })).toMatchObject({ status: 200 });
  });

  test('builds have a quota, and one workspace is none of the concern of another', async () => {
    const [{ target, path }, other] = [await tenant(), await tenant()];
    await limit(path, { builds: 0, sandboxes: 0 });
    const build = { body: { dockerfile: 'FROM nothing-of-that-name' } };
    expect(await call(target, '/v1/builds', build)).toMatchObject(exceeded('its quota is 0'));
    expect(await create(target)).toMatchObject(exceeded('its quota is 0'));
    expect(await call(other.target, other.path)).toMatchObject({
      body: {
        cpus: { used: 0, isOwn: false },
        sandboxes: { used: 0, limit: 1000 },
        builds: { limit: 100 },
      },
    });
    await createSandbox(other.target, {});
    expect(await call(target, other.path)).toMatchObject({ status: 404 });
  });

  test('a workspace with many creates waiting keeps none of another workspace waiting behind them', async () => {
    const [greedy, modest] = [await tenant(), await tenant()];
    let unanswered = 20;
    const burst = Array.from({ length: unanswered }, () =>
      create(greedy.target).finally(() => void (unanswered -= 1)),
    );
    expect(await create(modest.target)).toMatchObject({ status: 200 });
    expect(unanswered).toBeGreaterThan(0);
    const answers = await Promise.all(burst);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  });

  test('a workspace with many commands under way keeps no command of another workspace waiting', async () => {
    const [greedy, modest] = [await tenant(), await tenant()];
    const boxes = [greedy, modest].map(async ({ target }) =>
      sandboxCalls(target, await createSandbox(target, {})),
    );
    const [busy, calm] = await Promise.all(boxes);
    let unanswered = 150;
    const burst = Array.from({ length: unanswered }, () =>
      busy?.run('sleep 2; echo done').finally(() => void (unanswered -= 1)),
    );
    expect((await calm?.run('echo first'))?.output).toBe('first');
    expect(unanswered).toBeGreaterThan(0);
    const answers = await Promise.all(burst);
    expect(new Set(answers.map((answer) => answer?.output))).toEqual(new Set(['done']));
  });

  test('the operator alone sets quotas, and null is the quota of every workspace', async () => {
    const { name, target, path } = await tenant();
    expect(await limit(path, { sandboxes: 9 }, target)).toMatchObject({ status: 403 });
    expect(await limit(path, { sandboxes: -1 })).toMatchObject({ status: 400 });
    expect(await limit('/v1/workspaces/none/quotas', {})).toMatchObject({ status: 404 });
    await limit(path, { sandboxes: 9, cpus: 3.5 });
    expect((await limit(path, { sandboxes: null })).body).toMatchObject({
      workspace: name,
      sandboxes: { limit: 1000, isOwn: false },
      cpus: { limit: 3.5, isOwn: true },
    });
  });

  test('the command line sets and shows them', async () => {
    const { name } = await tenant();
    const env = { ATOLL_URL: server().url, ATOLL_API_KEY: server().apiKey };
    const quota = (...args: string[]) => runCli(['workspace', 'quota', ...args], { env });
    const set = await quota('set', name, '--sandboxes', '3', '--memory', '4096');
    expect(set).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/sandboxes\W+0\W+3\W+workspace/),
    });
    const shown = await quota('get', name);
    expect(shown.stdout).toBe(set.stdout);
    expect(await quota('set', name)).toMatchObject({ exitCode: 2 });
  });
}
