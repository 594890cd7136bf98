import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, createSandbox } from '../../fixtures/api.ts';
import type { TestServer } from '../../fixtures/server.ts';

/** Both path forms, and every way to name a sandbox on the data plane (wire 0.2.7, 1.1). */
export function testAddressing(server: () => TestServer): void {
  let id = '';
  let otherId = '';
  beforeAll(async () => {
    [id, otherId] = await Promise.all([
      createSandbox(server(), { name: 'named', resources: { memory_mb: 128 } }),
      createSandbox(server(), { name: 'other', resources: { memory_mb: 128 } }),
    ]);
  });
  afterAll(() =>
    Promise.all([id, otherId].map((each) => call(server(), `/sandboxes/${each}`, { method: 'DELETE' }))),
  );
  const healthWith = (headers: Record<string, string>) => call(server(), '/api/v1/health', { headers });
  const healthy = { status: 200, body: { healthy: true } };

  test('both path forms and the workspace by its name show the same sandbox', async () => {
    const { body } = await call(server(), '/v1/whoami');
    const { workspace } = body as { workspace: { id: string; name: string } }; // the route's own schema
    const prefixes = [
      '',
      '/v1/namespaces/default',
      `/v1/namespaces/${workspace.name}`,
      `/v1/namespaces/${workspace.id}`,
    ];
    const answers = await Promise.all(
      prefixes.flatMap((prefix) =>
        [id, 'named'].map((name) => call(server(), `${prefix}/sandboxes/${name}`)),
      ),
    );
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 200, body: { id, name: 'named', status: 'running' } });
  });

  test.each(['local', 'localhost', 'atoll.test', 'sandbox.atoll.test', 'LOCAL', 'local:8900'])(
    'a sandbox is its id or name below .%s',
    async (suffix) => {
      expect(await healthWith({ host: `${id}.${suffix}` })).toMatchObject(healthy);
      expect(await healthWith({ host: `named.${suffix}` })).toMatchObject(healthy);
    },
  );

  test('a sandbox is named by X-Tensorlake-Sandbox-Id on any host of the server', async () => {
    for (const host of ['127.0.0.1', 'sandbox.atoll.test', 'api.atoll.test']) {
      expect(await healthWith({ host, 'x-tensorlake-sandbox-id': id })).toMatchObject(healthy);
    }
    expect(await healthWith({ 'x-tensorlake-sandbox-id': 'named' })).toMatchObject(healthy);
  });

  test('host and header may name the same sandbox in two ways, but not two', async () => {
    expect(await healthWith({ host: 'named.local', 'x-tensorlake-sandbox-id': id })).toMatchObject(healthy);
    expect(await healthWith({ host: 'named.local', 'x-tensorlake-sandbox-id': otherId })).toMatchObject({
      status: 400,
      body: { code: 'CONFLICTING_SANDBOX_IDS' },
    });
  });

  test('an unknown sandbox is 404, and the data plane needs a sandbox', async () => {
    expect(await healthWith({ host: 'nobody.local' })).toMatchObject({
      status: 404,
      body: { code: 'SANDBOX_NOT_FOUND' },
    });
    expect((await healthWith({})).status).toBeGreaterThanOrEqual(400);
  });

  test('any origin may ask from a browser', async () => {
    const headers = {
      host: 'named.local',
      origin: 'https://example.com',
      'access-control-request-method': 'PUT',
    };
    const answer = await call({ url: server().url }, '/api/v1/files', { method: 'OPTIONS', headers });
    expect(answer).toMatchObject({ status: 204, headers: { 'access-control-allow-origin': '*' } });
  });

  test('URLs in answers follow the host that was asked', async () => {
    const { body } = await call(server(), `/sandboxes/${id}`, { headers: { host: 'api.atoll.test:8443' } });
    expect(body).toMatchObject({ sandbox_url: expect.stringMatching(/^http:\/\/[a-z.]*atoll\.test:8443$/) });
  });
}
