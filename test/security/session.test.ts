import { expect, test } from 'vitest';
import { call, createSandbox } from '../fixtures/api.ts';
import { useServer } from '../fixtures/server.ts';

const server = useServer({ runtime: 'fake' });

const openSession = async (apiKey = server().apiKey): Promise<{ cookie: string; attributes: string[] }> => {
  const response = await fetch(`${server().url}/v1/session`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}` },
  });
  expect(response.status).toBe(201);
  const [cookie = '', ...attributes] = (response.headers.get('set-cookie') ?? '').split('; ');
  return { cookie, attributes };
};

const ask = async (path: string, headers: Record<string, string>, method = 'GET'): Promise<number> => {
  const response = await fetch(`${server().url}${path}`, { method, headers });
  await response.body?.cancel();
  return response.status;
};

const fromConsole = { 'x-atoll-console': '1', 'sec-fetch-site': 'same-origin' };

test('a page with a session acts as the key that opened it, and never sees it again', async () => {
  const { cookie, attributes } = await openSession();
  expect(attributes).toEqual(expect.arrayContaining(['HttpOnly', 'SameSite=Strict', 'Path=/']));
  expect(cookie).not.toContain(server().apiKey);
  expect(await ask('/v1/whoami', { cookie, ...fromConsole })).toBe(200);
});

test.each([
  ['another site', { 'x-atoll-console': '1', 'sec-fetch-site': 'cross-site' }],
  ['another port of the host', { 'x-atoll-console': '1', 'sec-fetch-site': 'same-site' }],
  ['a form, which can set no header', { 'sec-fetch-site': 'same-origin' }],
  ['a link', {}],
])('%s cannot use the cookie', async (_who, headers) => {
  const { cookie } = await openSession();
  expect(await ask('/v1/whoami', { cookie, ...headers })).toBe(401);
});

test('a session reaches no further than its key', async () => {
  const made = await call(server(), '/v1/keys', { body: { name: 'looker', role: 'viewer' } });
  const { value } = made.body as { value: string }; // the route's own schema
  const { cookie } = await openSession(value);
  expect(await ask('/sandboxes', { cookie, ...fromConsole })).toBe(200);
  expect(await ask('/sandboxes', { cookie, ...fromConsole }, 'POST')).toBe(403);
});

test('a session ends with a logout, and with its key', async () => {
  const made = await call(server(), '/v1/keys', { body: { name: 'short' } });
  const { value, key } = made.body as { value: string; key: { id: string } }; // the route's own schema
  const [first, second] = [await openSession(value), await openSession(value)];
  expect(await ask('/v1/session', { cookie: first.cookie, ...fromConsole }, 'DELETE')).toBe(204);
  expect(await ask('/v1/whoami', { cookie: first.cookie, ...fromConsole })).toBe(401);
  expect(await ask('/v1/whoami', { cookie: second.cookie, ...fromConsole })).toBe(200);
  await call(server(), `/v1/keys/${key.id}`, { method: 'DELETE' });
  expect(await ask('/v1/whoami', { cookie: second.cookie, ...fromConsole })).toBe(401);
});

test('a sandbox gets no session from the requests that pass through', async () => {
  const { cookie } = await openSession();
  const id = await createSandbox(server(), {});
  const headers = { cookie, ...fromConsole, 'x-tensorlake-sandbox-id': id };
  expect(await ask('/api/v1/health', headers)).toBe(200);
  expect(await ask('/api/v1/health', { ...headers, 'sec-fetch-site': 'same-site' })).toBe(401);
  await call(server(), `/sandboxes/${id}`, { method: 'DELETE' });
});
