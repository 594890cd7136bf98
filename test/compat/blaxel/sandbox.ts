import { expect, test } from 'vitest';
import { blaxelSandbox } from '@atoll/protocol';
import type { TestServer } from '../../fixtures/server.ts';
import { call, create, declarationOf, get, IMAGE, pageSchema, put } from './calls.ts';

/** The control plane's sandboxes (wire 1.5), request by request. */
export function testSandboxes(server: () => TestServer): void {
  test('a create without a name gets one, and keeps fields that nobody knows and its image as it was given', async () => {
    const body = { metadata: {}, spec: { runtime: { image: IMAGE, memory: 512, generation: 'mk3' } } };
    const { status, body: made } = await call(server(), 'POST', '/v0/sandboxes', body);
    expect(status).toBe(200);
    const { metadata, spec, status: state } = blaxelSandbox.parse(made);
    expect(state).toBe('DEPLOYED');
    expect(spec.runtime).toMatchObject({ generation: 'mk3', image: IMAGE });
    expect(spec).not.toHaveProperty('region');
    expect(metadata.url).toBe(`${server().url}/default/sandboxes/${metadata.name}`);
    await call(server(), 'DELETE', `/v0/sandboxes/${metadata.name}`);
  });

  test('a create with an image that is not there is refused and leaves nothing', async () => {
    const image = await call(server(), 'POST', '/v0/sandboxes', declarationOf('bad', { image: 'no-such' }));
    expect([image.status, image.body]).toEqual([
      400,
      expect.objectContaining({ code: 'INVALID_IMAGE', status_code: 400 }),
    ]);
    expect((await call(server(), 'GET', '/v0/sandboxes/bad')).status).toBe(404);
  });

  test('errors have the numbers in the body that clients look for', async () => {
    const missing = await call(server(), 'GET', '/v0/sandboxes/nope');
    expect([missing.status, missing.body]).toEqual([404, expect.objectContaining({ code: 404 })]);
    const version = await call(server(), 'GET', '/v0/sandboxes', undefined, {
      'blaxel-version': '1999-01-01',
    });
    expect([version.status, version.body]).toEqual([
      400,
      expect.objectContaining({ error: 'invalid_api_version' }),
    ]);
    const elsewhere = await call(server(), 'GET', '/v0/sandboxes', undefined, {
      'x-blaxel-workspace': 'other',
    });
    expect(elsewhere.status).toBe(404);
    const stranger = { 'x-blaxel-authorization': 'Bearer nobody' };
    expect((await call(server(), 'GET', '/v0/sandboxes', undefined, stranger)).status).toBe(401);
  });

  test.each([
    ['a name of 50 characters', 'a'.repeat(50), {}],
    ['a name with capitals', 'Loud', {}],
    ['a reserved port', 'ports', { ports: [{ target: 8080 }] }],
    ['a time span without a unit', 'span', { ttl: '24' }],
  ])('a create with %s is refused', async (_what, name, runtime) => {
    const { status } = await call(server(), 'POST', '/v0/sandboxes', declarationOf(name, runtime));
    expect(status).toBe(400);
  });

  test('one name is one sandbox, however many create it at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => call(server(), 'POST', '/v0/sandboxes', declarationOf('once'))),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const refused = answers.filter(({ status }) => status === 409);
    expect(refused.map(({ body }) => body)).toEqual(
      Array.from({ length: 3 }, () => expect.objectContaining({ code: 'SANDBOX_ALREADY_EXISTS' })),
    );
    const found = await Promise.all(
      Array.from({ length: 3 }, () =>
        call(
          server(),
          'POST',
          '/v0/sandboxes?createIfNotExist=true',
          declarationOf('once', { image: 'other' }),
        ),
      ),
    );
    expect(found.map(({ status }) => status)).toEqual([200, 200, 200]);
    const { createdAt } = (await get(server(), 'once')).metadata;
    expect(found.map(({ body }) => blaxelSandbox.parse(body).metadata.createdAt)).toEqual([
      createdAt,
      createdAt,
      createdAt,
    ]);
    await call(server(), 'DELETE', '/v0/sandboxes/once');
  });

  test('createIfNotExist makes one sandbox of many callers', async () => {
    const answers = await Promise.all(
      Array.from({ length: 3 }, () =>
        call(server(), 'POST', '/v0/sandboxes?createIfNotExist=true', declarationOf('several')),
      ),
    );
    const revisions = answers.map(({ body }) => blaxelSandbox.parse(body).events[0]?.revision);
    expect(new Set(revisions).size).toBe(1);
    await call(server(), 'DELETE', '/v0/sandboxes/several');
  });

  test('lists come in pages from the second version on, and as arrays before', async () => {
    await Promise.all(['list-a', 'list-b'].map((name) => create(server(), name)));
    const first = pageSchema.parse(
      (await call(server(), 'GET', '/v0/sandboxes?limit=1&sort=name:asc&q=list-')).body,
    );
    expect(first.data.map(({ metadata }) => metadata.name)).toEqual(['list-a']);
    expect(first.meta).toMatchObject({ hasMore: true, total: 2 });
    const path = `/v0/sandboxes?limit=1&sort=name:asc&q=list-&cursor=${first.meta.nextCursor}`;
    const second = pageSchema.parse((await call(server(), 'GET', path)).body);
    expect(second.data.map(({ metadata }) => metadata.name)).toEqual(['list-b']);
    expect(second.meta.hasMore).toBe(false);
    const old = await server().fetch('/v0/sandboxes');
    expect(await old.json()).toBeInstanceOf(Array);
    const deleted = await call(server(), 'DELETE', '/v0/sandboxes/list-b');
    expect(blaxelSandbox.parse(deleted.body).status).toBe('TERMINATED');
    const names = async (query: string) =>
      pageSchema
        .parse((await call(server(), 'GET', `/v0/sandboxes?q=list-${query}`)).body)
        .data.map(({ metadata }) => metadata.name);
    expect(await names('')).toEqual(['list-a']);
    expect(await names('&showTerminated=true')).toEqual(['list-b', 'list-a']);
    expect(await names('&status=TERMINATED')).toEqual(['list-b']);
    await call(server(), 'DELETE', '/v0/sandboxes/list-a');
  });

  test('other labels change nothing else; read-only fields sent back are left aside', async () => {
    const made = await create(server(), 'labels');
    const changed = await put(server(), 'labels', (sandbox) => ({
      ...sandbox,
      metadata: { ...sandbox.metadata, labels: { x: 'y' }, externalId: 'ext-1', createdBy: 'somebody else' },
    }));
    expect(changed.metadata).toMatchObject({ labels: { x: 'y' }, createdBy: made.metadata.createdBy });
    expect(changed.events).toEqual(made.events);
    const found = await call(server(), 'GET', '/v0/sandboxes/by-external-id/ext-1');
    expect(blaxelSandbox.parse(found.body).metadata.name).toBe('labels');
    await call(server(), 'DELETE', '/v0/sandboxes/labels');
    expect((await call(server(), 'GET', '/v0/sandboxes/by-external-id/ext-1')).status).toBe(404);
  });

  test('a sandbox past its ttl is TERMINATED, and its name is free', async () => {
    await create(server(), 'brief', { ttl: '1s' });
    await expect
      .poll(async () => (await get(server(), 'brief')).status, { timeout: 20_000 })
      .toBe('TERMINATED');
    const { status, expiresIn } = await create(server(), 'brief', { ttl: '1h' });
    expect(status).toBe('DEPLOYED');
    expect(expiresIn).toBeGreaterThan(3000);
    await call(server(), 'DELETE', '/v0/sandboxes/brief');
  });

  test('values of secret variables are hidden, and stay when they are sent back hidden', async () => {
    const envs = [
      { name: 'PLAIN', value: 'seen' },
      { name: 'TOKEN', value: 'hush', secret: true },
    ];
    const made = await create(server(), 'env', { envs });
    const valuesOf = (sandbox: typeof made) => sandbox.spec.runtime?.envs?.map(({ value }) => value);
    expect(valuesOf(made)).toEqual(['seen', '***']);
    const same = await put(server(), 'env', (sandbox) => sandbox);
    expect(same.events).toHaveLength(1);
    expect(valuesOf(await get(server(), 'env', '?show_secrets=true'))).toEqual(['seen', 'hush']);
    const deployed = await put(server(), 'env', (sandbox) => ({
      ...sandbox,
      spec: { runtime: { ...sandbox.spec.runtime, envs: [...envs, { name: 'MORE', value: '1' }] } },
    }));
    expect(deployed.events).toHaveLength(2);
    expect(deployed.metadata.createdAt).toBe(made.metadata.createdAt);
    await call(server(), 'DELETE', '/v0/sandboxes/env');
  });

  test('a sandbox that is not enabled stands still, whoever asks, until it is again', async () => {
    await create(server(), 'off');
    const exec = (command: string) =>
      call(server(), 'POST', '/default/sandboxes/off/process', { command, waitForCompletion: true });
    await exec('echo kept > /tmp/kept');
    const enable = (enabled: boolean) =>
      put(server(), 'off', ({ metadata, spec }) => ({ metadata, spec: { ...spec, enabled } }));
    expect((await enable(false)).status).toBe('DEACTIVATED');
    expect(await exec('true')).toMatchObject({
      status: 404,
      body: { error: { code: 'WORKLOAD_UNAVAILABLE' } },
    });
    const resumed = await server().fetch('/v1/namespaces/default/sandboxes/off/resume', { method: 'POST' });
    expect(resumed.ok).toBe(false);
    expect(await get(server(), 'off')).toMatchObject({ status: 'DEACTIVATED', spec: { enabled: false } });
    expect((await enable(true)).status).toBe('DEPLOYED');
    expect((await exec('cat /tmp/kept')).body).toMatchObject({ stdout: 'kept\n' });
    await call(server(), 'DELETE', '/v0/sandboxes/off');
    const made = await create(server(), 'off', {}, { enabled: false });
    expect(made.status).toBe('DEACTIVATED');
    const deleted = await call(server(), 'DELETE', '/v0/sandboxes/off');
    expect(blaxelSandbox.parse(deleted.body).status).toBe('TERMINATED');
  });

  test('a sandbox in the archive stands still, whatever else of it is changed, until it is taken out', async () => {
    await create(server(), 'put-by');
    const ask = async (method: string, path = '') =>
      blaxelSandbox.parse((await call(server(), method, `/v0/sandboxes/put-by${path}`)).body);
    const exec = (command: string) =>
      call(server(), 'POST', '/default/sandboxes/put-by/process', { command, waitForCompletion: true });
    await exec('echo kept > /tmp/kept');
    expect((await ask('POST', '/archive')).status).toBe('ARCHIVED');
    expect((await ask('POST', '/archive')).status).toBe('ARCHIVED');
    expect((await exec('true')).status).toBe(404);
    const relabelled = await put(server(), 'put-by', ({ metadata, spec }) => ({
      metadata: { ...metadata, labels: { x: 'y' } },
      spec,
    }));
    expect([relabelled.status, relabelled.metadata.labels]).toEqual(['ARCHIVED', { x: 'y' }]);
    expect((await ask('POST', '/unarchive')).status).toBe('DEPLOYED');
    expect((await exec('cat /tmp/kept')).body).toMatchObject({ stdout: 'kept\n' });
    await ask('DELETE');
    const ended = await call(server(), 'POST', '/v0/sandboxes/put-by/archive');
    expect(ended.status).toBe(404);
  });

  test('thousands of variables and large values reach processes', async () => {
    const small = Array.from({ length: 3000 }, (_, index) => ({
      name: `VARIABLE_${index}`,
      value: `${index}`,
    }));
    await create(server(), 'many', { envs: [...small, { name: 'LARGE', value: 'x'.repeat(100_000) }] });
    const done = await call(server(), 'POST', '/default/sandboxes/many/process', {
      command: 'env | grep -c ^VARIABLE_; echo ${#LARGE} $VARIABLE_2999 $HOST $BL_NAME $BL_WORKSPACE',
      waitForCompletion: true,
    });
    expect(done.body).toMatchObject({ stdout: '3000\n100000 2999 0.0.0.0 many default\n' });
    await call(server(), 'DELETE', '/v0/sandboxes/many');
  });

  test.each([
    ['routes of a proxy', { proxy: { routing: [{ destinations: ['api.example.com'] }] } }, 'proxy.routing'],
    ['rule sets', { firewall: { rulesets: ['strict'] } }, 'firewall.rulesets'],
    ['an address of its own', { egress: { mode: 'dedicated' } }, 'egress.mode'],
    ['a gateway', { egress: { gateway: 'mine', mode: 'shared' } }, 'egress.gateway'],
    ['an address for some', { egress: { policies: [{ mode: 'dedicated' }] } }, 'egress.mode'],
    ['two lists', { allowedDomains: ['a.com'], proxy: { allowedDomains: ['b.com'] } }, 'several lists'],
  ])('a network with %s is refused by name', async (_what, network, named) => {
    const body = declarationOf('refused', {}, { network });
    const { status, body: answer } = await call(server(), 'POST', '/v0/sandboxes', body);
    expect([status, answer]).toEqual([
      400,
      expect.objectContaining({ message: expect.stringContaining(named) }),
    ]);
  });

  test('another kernel is refused by name', async () => {
    const body = declarationOf('refused', { extraArgs: { tun: 'disabled', nfs: 'enabled' } });
    const { status, body: answer } = await call(server(), 'POST', '/v0/sandboxes', body);
    expect([status, answer]).toEqual([
      400,
      expect.objectContaining({ message: expect.stringContaining('extraArgs.nfs') }),
    ]);
  });

  test('the lists of its proxy are rules of the sandbox; what asks for what there is anyway is taken', async () => {
    const network = {
      forbiddenDomains: ['203.0.113.1'],
      proxy: { forbiddenDomains: ['203.0.113.2'] },
      egress: { mode: 'shared', policies: [{ name: 'all', mode: 'shared' }] },
    };
    const made = await create(server(), 'ruled', { extraArgs: { iptables: 'disabled' } }, { network });
    expect(made.spec.network).toEqual(network);
    const shown = await (await server().fetch('/v1/namespaces/default/sandboxes/ruled')).json();
    const rules = { allow_internet_access: true, deny_out: ['203.0.113.1', '203.0.113.2'] };
    expect(shown).toMatchObject({ network: rules });
    await call(server(), 'DELETE', '/v0/sandboxes/ruled');
  });

  test('sandboxes of either dialect are seen through both', async () => {
    await create(server(), '3-of-blaxel');
    const tensorlake = await server().fetch('/v1/namespaces/default/sandboxes/3-of-blaxel');
    expect(await tensorlake.json()).toMatchObject({ name: '3-of-blaxel', timeout_secs: 15 });
    const body = JSON.stringify({ image: IMAGE, name: 'of-tensorlake' });
    await server().fetch('/v1/namespaces/default/sandboxes', { method: 'POST', body });
    const relabelled = await put(server(), 'of-tensorlake', (sandbox) => ({
      ...sandbox,
      metadata: { ...sandbox.metadata, labels: { now: 'declared' } },
    }));
    expect(relabelled).toMatchObject({ status: 'DEPLOYED', metadata: { labels: { now: 'declared' } } });
    for (const name of ['3-of-blaxel', 'of-tensorlake'])
      await call(server(), 'DELETE', `/v0/sandboxes/${name}`);
  });

  test('members are invited, given another role and taken out', async () => {
    const email = 'mia@example.com';
    const users = (method: string, path = '', body?: object) =>
      call(server(), method, `/v0/users${path}`, body);
    const invited = await users('POST', '', { email });
    expect([invited.status, invited.body]).toEqual([200, expect.objectContaining({ email, role: 'member' })]);
    expect((await users('POST', '', { email })).status).toBe(409);
    expect((await users('PUT', `/${email}`, { role: 'viewer' })).body).toMatchObject({ role: 'viewer' });
    expect((await users('GET')).body).toMatchObject([{ role: 'admin' }, { email, role: 'viewer' }]);
    expect((await users('DELETE', `/${email}`)).status).toBe(200);
    expect((await users('DELETE', `/${email}`)).status).toBe(404);
  });

  test('a key is tried by asking for its workspace', async () => {
    const { status, body } = await call(server(), 'GET', '/v0/workspaces/default');
    expect([status, body]).toEqual([200, expect.objectContaining({ name: 'default' })]);
  });
}
