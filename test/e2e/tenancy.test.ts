import { describe, expect, test } from 'vitest';
import { call, createSandbox, sandboxCalls } from '../fixtures/api.ts';
import type { Call, Target } from '../fixtures/api.ts';
import { useServer } from '../fixtures/server.ts';
import { testCredentials } from './tenancy/credential.ts';
import { testImageShares } from './tenancy/image-share.ts';
import { testQuotas } from './tenancy/quota.ts';

const server = useServer({ runtime: 'fake' });

const withKey = (apiKey: string): Target => ({ url: server().url, apiKey });

/** The parsed body of an answer that has to succeed. */
async function ask<T>(target: Target, path: string, options: Call = {}): Promise<T> {
  const { status, body } = await call(target, path, options);
  expect({ path, status, body }).toMatchObject({ status: expect.toSatisfy((code: number) => code < 300) });
  return body as T; // the routes' own schemas
}

interface Made {
  value: string;
  key: { id: string };
}
const makeKey = (body: object, target: Target = server()) => ask<Made>(target, '/v1/keys', { body });

interface Account {
  apiKey: string;
  account: { id: string };
  workspace: { id: string; name: string };
}
const makeAccount = (name: string) =>
  ask<Account>(server(), '/v1/accounts', { body: { name, workspace: `${name}-space`, ownerName: 'Owner' } });

const forbidden = { status: 403, body: { code: 'forbidden', hint: expect.stringMatching(/\w/) } };

describe('keys', () => {
  test('a key acts at once, ends at once, and its value is never shown again', async () => {
    const { value, key } = await makeKey({ name: 'short-lived' });
    expect(await call(withKey(value), '/v1/whoami')).toMatchObject({
      status: 200,
      body: { keyId: key.id, kind: 'api' },
    });
    const listed = JSON.stringify((await call(server(), '/v1/keys')).body);
    expect(listed).toContain(key.id);
    expect(listed).not.toContain(value);
    expect((await call(server(), `/v1/keys/${key.id}`, { method: 'DELETE' })).status).toBe(204);
    expect(await call(withKey(value), '/v1/whoami')).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated' },
    });
    expect((await call(server(), `/v1/keys/${key.id}`, { method: 'DELETE' })).status).toBe(404);
  });

  test('a revoked key loses the data plane too', async () => {
    const id = await createSandbox(server(), {});
    const { value, key } = await makeKey({ name: 'worker', role: 'member' });
    const box = sandboxCalls(withKey(value), id);
    expect((await box.run('echo hi')).output).toBe('hi');
    await call(server(), `/v1/keys/${key.id}`, { method: 'DELETE' });
    expect(await box.call('/api/v1/health')).toMatchObject({ status: 401 });
    await call(server(), `/sandboxes/${id}`, { method: 'DELETE' });
  });

  test('a key survives a restart; a revoked one stays revoked', async () => {
    const [kept, revoked] = await Promise.all([makeKey({ name: 'kept' }), makeKey({ name: 'revoked' })]);
    await call(server(), `/v1/keys/${revoked.key.id}`, { method: 'DELETE' });
    await server().kill9();
    await server().restart();
    expect((await call(withKey(kept.value), '/v1/whoami')).status).toBe(200);
    expect((await call(withKey(revoked.value), '/v1/whoami')).status).toBe(401);
  });

  test('nobody makes a key that can do more than its maker', async () => {
    const { value } = await makeKey({ name: 'a member', role: 'member' });
    const made = await call(withKey(value), '/v1/keys', { body: { name: 'more', role: 'admin' } });
    const role = (made.body as { key?: { role?: string } }).key?.role;
    expect(made.status === 201 ? role : made.status).not.toBe('admin');
  });
});

describe('roles', () => {
  test('a viewer reads and changes nothing', async () => {
    const viewer = withKey((await makeKey({ name: 'viewer', role: 'viewer' })).value);
    const id = await createSandbox(server(), { name: 'looked-at' });
    expect((await call(viewer, '/sandboxes/looked-at')).status).toBe(200);
    expect((await call(viewer, '/sandboxes')).status).toBe(200);
    expect(await call(viewer, '/sandboxes', { body: {} })).toMatchObject(forbidden);
    expect(await call(viewer, `/sandboxes/${id}`, { method: 'DELETE' })).toMatchObject(forbidden);
    expect(await call(viewer, `/sandboxes/${id}`, { method: 'PATCH', body: { name: 'x' } })).toMatchObject(
      forbidden,
    );
    expect((await sandboxCalls(viewer, id).call('/api/v1/health')).status).toBe(403);
    expect(await call(viewer, '/v1/audit')).toMatchObject(forbidden);
    await call(server(), `/sandboxes/${id}`, { method: 'DELETE' });
  });

  test('a member uses sandboxes and administers nothing', async () => {
    const member = withKey((await makeKey({ name: 'member', role: 'member' })).value);
    const id = await createSandbox(member, {});
    expect((await sandboxCalls(member, id).run('echo mine')).output).toBe('mine');
    expect((await call(member, `/sandboxes/${id}`, { method: 'DELETE' })).status).toBe(200);
    const body = { name: 'somebody', role: 'member' };
    expect(await call(member, '/v1/workspaces/default/members', { body })).toMatchObject(forbidden);
    expect(
      await call(member, '/v1/accounts', { body: { name: 'a', workspace: 'a', ownerName: 'a' } }),
    ).toMatchObject(forbidden);
  });

  test('a role that changes is the role of the keys at once, and a member who is removed is out', async () => {
    const members = '/v1/workspaces/default/members';
    const { id } = await ask<{ id: string }>(server(), members, { body: { name: 'Ada', role: 'member' } });
    const { value } = await makeKey({ name: "Ada's", memberId: id });
    const ada = withKey(value);
    expect(await call(ada, '/v1/whoami')).toMatchObject({
      body: { role: 'member', member: { id, name: 'Ada' } },
    });
    await ask(server(), members, { body: { memberId: id, role: 'viewer' } });
    expect(await call(ada, '/sandboxes', { body: {} })).toMatchObject(forbidden);
    expect((await call(server(), `${members}/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await call(ada, '/v1/whoami')).status).toBe(401);
  });
});

describe('accounts', () => {
  test('another account sees nothing of ours and we nothing of its', async () => {
    const other = await makeAccount('other');
    const theirs = withKey(other.apiKey);
    const id = await createSandbox(server(), { name: 'ours' });
    const theirId = await createSandbox(theirs, { name: 'ours' });
    expect(theirId).not.toBe(id);
    expect((await call(theirs, `/sandboxes/${id}`)).status).toBe(404);
    expect((await call(theirs, `/sandboxes/${id}`, { method: 'DELETE' })).status).toBe(404);
    expect((await sandboxCalls(theirs, id).call('/api/v1/health')).status).toBe(404);
    expect((await call(server(), `/sandboxes/${theirId}`)).status).toBe(404);
    expect(await call(theirs, '/sandboxes/ours')).toMatchObject({ body: { id: theirId } });
    expect((await call(theirs, '/v1/namespaces/other-space/sandboxes')).status).toBe(200);
    expect((await call(server(), '/v1/namespaces/other-space/sandboxes')).status).toBe(404);
    const { workspace } = await ask<{ workspace: { id: string } }>(server(), '/v1/whoami');
    expect((await call(theirs, `/v1/workspaces/${workspace.id}/members`)).status).toBe(404);
    expect(JSON.stringify((await call(theirs, '/v1/keys')).body)).not.toContain('short-lived');
    const audit = await ask<{ entries: { workspace: string }[] }>(theirs, '/v1/audit');
    expect(new Set(audit.entries.map((entry) => entry.workspace))).toEqual(new Set(['other-space']));
    expect(
      (await call(theirs, '/v1/accounts', { body: { name: 'x', workspace: 'x', ownerName: 'x' } })).status,
    ).toBe(403);
    await call(theirs, `/sandboxes/${theirId}`, { method: 'DELETE' });
    await call(server(), `/sandboxes/${id}`, { method: 'DELETE' });
  });

  test('the public images are there for everybody', async () => {
    const { apiKey } = await makeAccount('readers');
    const { images } = await ask<{ images: { name: string }[] }>(withKey(apiKey), '/v1/images');
    expect(images.map(({ name }) => name)).toContain('tensorlake/debian-minimal');
  });

  test('introspection tells the ids that the clients put into paths', async () => {
    const { apiKey, account, workspace } = await makeAccount('looked-into');
    const found = await ask(withKey(apiKey), '/platform/v1/keys/introspect', { method: 'POST' });
    expect(found).toEqual({
      id: expect.stringMatching(/^apikey_/),
      organizationId: account.id,
      projectId: workspace.id,
    });
  });
});

describe('device login', () => {
  interface Start {
    device_code: string;
    user_code: string;
  }
  const stranger = () => ({ url: server().url });
  const start = () => ask<Start>(stranger(), '/platform/cli/login/start', { method: 'POST' });
  const poll = ({ device_code }: Start) =>
    ask(stranger(), `/platform/cli/login/poll?device_code=${device_code}`);
  const exchange = ({ device_code }: Start) =>
    call(stranger(), '/platform/cli/login/exchange', { body: { device_code } });
  const approve = (target: Target, code: string) =>
    call(target, `/v1/logins/${code}/approve`, { method: 'POST' });

  test('a device gets a token of who approves it, once', async () => {
    const login = await start();
    expect(await poll(login)).toEqual({ status: 'pending' });
    expect((await exchange(login)).status).toBe(409);
    expect((await approve(server(), login.user_code)).status).toBe(204);
    expect(await poll(login)).toEqual({ status: 'approved' });
    const { status, body } = await exchange(login);
    const { access_token: token, project_id: project } = body as { access_token: string; project_id: string };
    expect(status).toBe(200);
    expect((await exchange(login)).status).toBe(404);
    const headers = { 'x-forwarded-project-id': project };
    expect(await call(withKey(token), '/v1/whoami', { headers })).toMatchObject({
      status: 200,
      body: { kind: 'personal' },
    });
    expect((await call(withKey(token), '/sandboxes', { headers })).status).toBe(200);
  });

  test('a code that nobody waits for, or a caller without a key, approves nothing', async () => {
    const login = await start();
    expect(await approve(server(), 'XXXX-XXXX')).toMatchObject({
      status: 404,
      body: { hint: expect.stringContaining('atoll login') },
    });
    expect((await approve(stranger(), login.user_code)).status).toBe(401);
    const { value } = await makeKey({ name: 'low', role: 'member' });
    expect((await approve(withKey(value), login.user_code)).status).toBe(403);
    expect(await poll(login)).toEqual({ status: 'pending' });
    expect(await poll({ device_code: 'unknown', user_code: '' })).toEqual({ status: 'failed' });
  });
});

describe('credentials', () => testCredentials(server));
describe('quotas', () => testQuotas(server));
describe('shared images', () => testImageShares(server));

describe('audit', () => {
  interface Entry {
    action: string;
    target?: string;
    result: string;
    keyId?: string;
    memberId?: string;
    address?: string;
    at: number;
  }
  const entries = async (): Promise<Entry[]> =>
    (await ask<{ entries: Entry[] }>(server(), '/v1/audit?limit=50')).entries;

  test('every change is recorded: who, what, when, from where, with what result', async () => {
    const { value, key } = await makeKey({ name: 'audited', role: 'member' });
    const id = await createSandbox(withKey(value), { name: 'watched' });
    await call(withKey(value), '/sandboxes', { body: { name: 'watched' } });
    await call(withKey(value), '/sandboxes/watched', { method: 'DELETE' });
    const recorded = (await entries()).filter(({ keyId }) => keyId === key.id).toReversed();
    expect(recorded.map(({ action, target, result }) => ({ action, target, result }))).toEqual([
      { action: 'createSandbox', target: id, result: 'ok' },
      { action: 'createSandbox', target: undefined, result: 'name_taken' },
      { action: 'deleteSandbox', target: id, result: 'ok' },
    ]);
    for (const { address, memberId, at } of recorded) {
      expect(address).toMatch(/127\.0\.0\.1$/);
      expect(memberId).toMatch(/\w/);
      expect(Math.abs(Date.now() - at)).toBeLessThan(60_000);
    }
  });

  test('a refusal by role, the exchange of a login, and an ending by the server are on record', async () => {
    const { value, key } = await makeKey({ name: 'viewer', role: 'viewer' });
    await call(withKey(value), '/sandboxes', { body: {} });
    const login = await ask<{ device_code: string; user_code: string }>(
      { url: server().url },
      '/platform/cli/login/start',
      { method: 'POST' },
    );
    await call(server(), `/v1/logins/${login.user_code}/approve`, { method: 'POST' });
    await call({ url: server().url }, '/platform/cli/login/exchange', { body: login });
    const id = await createSandbox(server(), { timeout_secs: 1 });
    await expect
      .poll(entries, { timeout: 20_000 })
      .toContainEqual(expect.objectContaining({ action: 'sandbox.timeout', target: id, result: 'ok' }));
    const recorded = await entries();
    expect(recorded).toContainEqual(
      expect.objectContaining({ action: 'createSandbox', keyId: key.id, result: 'forbidden' }),
    );
    expect(recorded).toContainEqual(
      expect.objectContaining({
        action: 'exchangeLogin',
        result: 'ok',
        memberId: expect.stringMatching(/^user_/),
      }),
    );
  });

  test('no key ever stands in the record or in the log', async () => {
    const { value } = await makeKey({ name: 'secret' });
    await call(withKey(value), '/sandboxes/none', { method: 'DELETE' });
    const text = JSON.stringify(await entries()) + server().log.join('\n');
    expect(text).not.toContain(value);
    expect(text).not.toContain(server().apiKey);
  });
});

describe('the document of the API', () => {
  interface Document {
    openapi: string;
    paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>;
    components: { schemas: Record<string, unknown> };
  }

  test('is OpenAPI 3.1, names every operation once, and points nowhere but into itself', async () => {
    const document = await ask<Document>(server(), '/openapi.json');
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    const ids = operations.map(({ operationId }) => operationId);
    expect(document.openapi).toMatch(/^3\.1\.\d$/);
    expect(new Set(ids).size).toBe(ids.length);
    expect(operations.every(({ responses }) => Object.keys(responses).length > 0)).toBe(true);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    for (const [, name = ''] of references) expect(document.components.schemas).toHaveProperty([name]);
  });

  test('names both path forms, and declares everything in braces', async () => {
    const document = await ask<Document>(server(), '/openapi.json');
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/api/v1/processes/run', '/healthz']),
    );
    expect(document.paths['/v1/namespaces/{ns}/sandboxes/{id}']?.['get']).toMatchObject({
      description: expect.stringContaining('`/sandboxes/{id}`'),
    });
    for (const [path, item] of Object.entries(document.paths)) {
      const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = JSON.stringify(item);
      for (const name of wanted) expect(declared).toContain(`"name":"${name}"`);
    }
  });

  test('metrics are text for the operator', async () => {
    const { status, headers, body } = await call(server(), '/metrics');
    expect(status).toBe(200);
    expect(headers['content-type']).toContain('text/plain');
    expect(String(body)).toMatch(/^# TYPE \w+ (gauge|counter|histogram)$/m);
  });

  test('how the machine stands is for the operator, not for who owns another account', async () => {
    const { apiKey } = await makeAccount('onlooker');
    for (const path of ['/metrics', '/v1/server/status', '/v1/server/checks'])
      expect(await call(withKey(apiKey), path)).toMatchObject(forbidden);
    expect(await ask(withKey(apiKey), '/v1/whoami')).toMatchObject({ role: 'admin', isOperator: false });
    expect(await ask(server(), '/v1/whoami')).toMatchObject({ isOperator: true });
  });
});
