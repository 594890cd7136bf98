import { expect, test } from 'vitest';
import { call } from '../../fixtures/api.ts';
import type { Target } from '../../fixtures/api.ts';
import type { TestServer } from '../../fixtures/server.ts';

/** Signing in as the Blaxel clients do (blaxel wire 1.3). */
export function testCredentials(server: () => TestServer): void {
  const stranger = (): Target => ({ url: server().url });
  const form = (fields: Record<string, string>, headers: Record<string, string> = {}) => ({
    body: new URLSearchParams(fields).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });
  const basic = (id: string, secret: string) => ({
    authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
  });
  const token = (options: Parameters<typeof call>[2], path = '/v0/oauth/token') =>
    call(stranger(), path, options);
  const roleOf = async (apiKey: unknown): Promise<unknown> => {
    const { body } = await call({ url: server().url, apiKey: String(apiKey) }, '/v1/whoami');
    return (body as { role?: string; code?: string }).role ?? (body as { code?: string }).code;
  };

  test('a service account signs in with Basic and JSON, or with a form', async () => {
    const made = await call(server(), '/v0/service_accounts', { body: { name: 'ci' } });
    const { client_id: id, client_secret: secret } = made.body as Record<string, string>;
    if (id === undefined || secret === undefined) throw new Error(JSON.stringify(made));
    const asked = await token({
      body: { grant_type: 'client_credentials' },
      headers: basic(id, secret),
    });
    expect(asked).toMatchObject({ status: 200, body: { token_type: 'Bearer', expires_in: 7200 } });
    expect(await roleOf((asked.body as { access_token: string }).access_token)).toBe('member');
    const fields = { grant_type: 'client_credentials', client_id: id, client_secret: secret };
    const again = await token(form(fields), '/oauth/token');
    expect(again.status).toBe(200);
    expect(await token({ ...form(fields), headers: basic(id, 'wrong'), body: fields })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    });
    const keys = `/v0/service_accounts/${id}/api_keys`;
    const key = await call(server(), keys, { body: { name: 'deploy', expires_in: '30d' } });
    const { apiKey, id: keyId } = key.body as Record<string, string>;
    expect(await roleOf(apiKey)).toBe('member');
    expect((await call(server(), keys)).body).toMatchObject([{ id: keyId, name: 'deploy', sub: id }]);
    expect(JSON.stringify((await call(server(), keys)).body)).not.toContain(apiKey);
    expect((await call(server(), `${keys}/${keyId}`, { method: 'DELETE' })).status).toBe(204);
    expect(await roleOf(apiKey)).toBe('unauthenticated');
    expect((await call(server(), `/v0/service_accounts/${id}`, { method: 'DELETE' })).status).toBe(200);
    expect(await roleOf((again.body as { access_token: string }).access_token)).toBe('unauthenticated');
    expect(server().log.join('\n')).not.toContain(secret);
  });

  test('a device waits, is approved, and refreshes its token', async () => {
    const began = await call(stranger(), '/v0/login/device', {
      body: { client_id: 'blaxel', scope: 'offline_access' },
    });
    const { device_code: deviceCode = '', user_code: userCode = '' } = began.body as Record<string, string>;
    expect(began.body).toMatchObject({ verification_uri: `${server().url}/login/device`, interval: 5 });
    const ask = () =>
      token({
        body: { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: deviceCode },
      });
    expect(await ask()).toMatchObject({ status: 400, body: { error: 'authorization_pending' } });
    await call(server(), `/v1/logins/${userCode}/approve`, { method: 'POST' });
    const { body } = await ask();
    const { access_token: access, refresh_token: refresh = '' } = body as Record<string, string>;
    expect(await roleOf(access)).toBe('admin');
    const fields = { grant_type: 'refresh_token', refresh_token: refresh, device_code: deviceCode };
    const next = await token({ body: fields });
    expect(await roleOf((next.body as { access_token: string }).access_token)).toBe('admin');
    expect(await ask()).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await token({ body: { grant_type: 'password' } })).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
  });
}
