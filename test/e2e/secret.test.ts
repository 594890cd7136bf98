import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, createSandbox, sandboxCalls } from '../fixtures/api.ts';
import { runCli } from '../fixtures/run-cli.ts';
import { filesWith, processTexts } from '../fixtures/search-host.ts';
import { describeOnEachDriver, useServer } from '../fixtures/server.ts';

const path = '/platform/v1/secrets';

describeOnEachDriver('secrets', (server, driver) => {
  const value = `hunter-${randomBytes(8).toString('hex')}`;
  let id = '';
  const set = (name: string, secret: string) =>
    call(server(), path, { method: 'PUT', body: { name, value: secret } });
  const end = (sandboxId: string) => call(server(), `/sandboxes/${sandboxId}`, { method: 'DELETE' });

  beforeAll(async () => {
    await set('TOKEN', value);
    await set('HOME_SWEET', 'home');
    id = await createSandbox(server(), {
      secret_names: ['TOKEN', 'HOME_SWEET'],
      entrypoint: ['sh', '-c', 'printf %s "$TOKEN" | md5sum > /tmp/entrypoint; exec sleep 600'],
    });
  });
  afterAll(() => end(id));

  test('are in the environment of processes, whoever runs them', async () => {
    const box = sandboxCalls(server(), id);
    for (const user of ['root', 'tl-user'])
      expect((await box.run('echo "$TOKEN/$HOME_SWEET"', { user })).output).toBe(`${value}/home`);
    expect((await box.run('echo "$TOKEN"', { env: { TOKEN: 'own' } })).output).toBe('own');
    expect((await box.run('printf %s "$TOKEN" | md5sum | cmp - /tmp/entrypoint && echo same')).output).toBe(
      'same',
    );
  });

  test('are shown by name alone', async () => {
    const { body } = await call(server(), `/sandboxes/${id}`);
    expect(body).toMatchObject({ secret_names: ['TOKEN', 'HOME_SWEET'] });
    const answers = [body, (await call(server(), path)).body, (await call(server(), '/v1/audit')).body];
    expect(JSON.stringify(answers)).not.toContain(value);
    expect(JSON.stringify(answers)).toContain('"TOKEN"');
  });

  test('are nowhere on the host but in the identity of their sandbox', async () => {
    await set('BAD-NAME', value);
    await call(server(), path, { method: 'PUT', body: `{"name":"A","value":"${value}` });
    const slotFiles = await filesWith(value, join(server().runDir, server().instanceId));
    expect(slotFiles).toEqual([expect.stringMatching(/\/identity\/[a-z0-9]{8}\/agent\.json$/)]);
    expect(await filesWith(value, server().dataDir)).toEqual([]);
    expect(server().log.join('\n')).not.toContain(value);
    expect(processTexts().join('\n')).not.toContain(value);
  });

  test('of another sandbox are out of reach', async () => {
    const other = await createSandbox(server(), {});
    const { output } = await sandboxCalls(server(), other).run(
      'env; cat /proc/*/environ /proc/*/cmdline /.atoll/identity/* 2>/dev/null | tr "\\0" "\\n"',
      { user: 'root' },
    );
    await end(other);
    expect(output).toContain('PATH=');
    expect(output).not.toContain(value);
  });

  test('a new value reaches the sandboxes that start after it', async () => {
    await set('CHANGING', 'old');
    const before = await createSandbox(server(), { secret_names: ['CHANGING'] });
    await set('CHANGING', 'new');
    const after = await createSandbox(server(), { secret_names: ['CHANGING'] });
    expect((await sandboxCalls(server(), before).run('echo $CHANGING')).output).toBe('old');
    expect((await sandboxCalls(server(), after).run('echo $CHANGING')).output).toBe('new');
    await Promise.all([end(before), end(after)]);
  });

  test.runIf(driver === 'gvisor')('new processes have the new value after a resume from disk', async () => {
    await set('ROTATED', 'old');
    const created = await createSandbox(server(), { name: 'rotates', secret_names: ['ROTATED'] });
    const box = sandboxCalls(server(), created);
    await call(server(), `/sandboxes/${created}/suspend`, { method: 'POST' });
    const status = async () => (await call(server(), `/sandboxes/${created}`)).body as { status: string };
    await expect.poll(async () => (await status()).status, { timeout: 30_000 }).toBe('suspended');
    await set('ROTATED', 'new');
    expect((await box.run('echo $ROTATED')).output).toBe('new');
    await end(created);
  });

  test('outlive a killed server and a rotation of their key', async () => {
    expect(await call(server(), '/v1/secret-key/rotate', { method: 'POST' })).toMatchObject({ status: 200 });
    await server().kill9();
    await server().restart();
    const again = await createSandbox(server(), { secret_names: ['TOKEN'] });
    expect((await sandboxCalls(server(), again).run('echo $TOKEN')).output).toBe(value);
    expect((await sandboxCalls(server(), id).run('echo $TOKEN')).output).toBe(value);
    await end(again);
  });
});

describe('the secrets API', () => {
  const server = useServer({ runtime: 'fake' });
  const ask = (key: string | undefined, method: string, at: string, body?: unknown) =>
    call({ url: server().url, ...(key !== undefined && { apiKey: key }) }, at, { method, body });
  const admin = (method: string, at: string, body?: unknown) => ask(server().apiKey, method, at, body);
  const keyOf = async (role: string) =>
    ((await admin('POST', '/v1/keys', { name: role, role })).body as { value: string }).value; // route createKey

  test('answers one for one and a list for a list', async () => {
    const shown = (name: string) => ({
      id: expect.stringMatching(/^secret_/),
      name,
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect((await admin('PUT', path, { name: 'A', value: '1' })).body).toEqual(shown('A'));
    const two = [
      { name: 'A', value: '2' },
      { name: 'B', value: '' },
    ];
    expect((await admin('PUT', path, two)).body).toEqual([shown('A'), shown('B')]);
  });

  test('lists page by page', async () => {
    const first = (await admin('GET', `${path}?pageSize=1`)).body as { pagination: { next: string } }; // wire 1.7
    expect(first).toMatchObject({ items: [{ name: 'A' }], pagination: { prev: null, total: 2 } });
    const second = await admin('GET', `${path}?pageSize=1&next=${first.pagination.next}`);
    expect(second.body).toMatchObject({ items: [{ name: 'B' }], pagination: { next: null } });
  });

  test('also goes by organization and project, and by no others', async () => {
    const { organizationId, projectId } = (await admin('POST', '/platform/v1/keys/introspect'))
      .body as Record<string, string>; // wire 1.7
    const scoped = (org = '', project = '') =>
      `/platform/v1/organizations/${org}/projects/${project}/secrets`;
    expect(await admin('GET', scoped(organizationId, projectId))).toMatchObject({ status: 200 });
    expect(await admin('GET', scoped('org_of_others', projectId))).toMatchObject({ status: 404 });
    expect(await admin('GET', scoped(organizationId, 'project_of_others'))).toMatchObject({ status: 404 });
  });

  test('lets viewers see names, members change them, and nobody else in', async () => {
    const [viewer, member] = [await keyOf('viewer'), await keyOf('member')];
    expect(await ask(viewer, 'GET', path)).toMatchObject({ status: 200 });
    expect(await ask(viewer, 'PUT', path, { name: 'V', value: '1' })).toMatchObject({ status: 403 });
    expect(await ask(member, 'PUT', path, { name: 'M', value: '1' })).toMatchObject({ status: 200 });
    expect(await ask(member, 'POST', '/v1/secret-key/rotate')).toMatchObject({ status: 403 });
    expect(await ask(undefined, 'GET', path)).toMatchObject({ status: 401 });
  });

  test('keeps workspaces apart', async () => {
    const account = { name: 'stranger', workspace: 'stranger-space', ownerName: 'Stranger' };
    const { apiKey } = (await admin('POST', '/v1/accounts', account)).body as { apiKey: string }; // createAccount
    const made = (await admin('PUT', path, { name: 'OURS', value: '1' })).body as { id: string }; // wire 1.7
    expect((await ask(apiKey, 'GET', path)).body).toMatchObject({ items: [] });
    expect(await ask(apiKey, 'DELETE', `${path}/${made.id}`)).toMatchObject({
      status: 404,
      body: { code: 'secret_not_found' },
    });
    expect(await ask(apiKey, 'POST', '/sandboxes', { secret_names: ['OURS'] })).toMatchObject({
      status: 404,
      body: { code: 'secret_not_found', message: expect.stringContaining('"OURS"') },
    });
    expect(await admin('DELETE', `${path}/${made.id}`)).toMatchObject({ status: 204 });
    expect(await admin('DELETE', `${path}/${made.id}`)).toMatchObject({ status: 404 });
  });

  test('says nothing of a value that it refuses', async () => {
    const value = `hunter-${randomBytes(8).toString('hex')}`;
    const refused = [
      await admin('PUT', path, `{"name":"A","value":${value}}`),
      await admin('PUT', path, { name: 7, value }),
      await admin('PUT', path, { name: 'A', value: { value } }),
      await admin('PUT', path, { name: 'A B', value }),
      await admin('PUT', path, { name: 'A', value: value.repeat(2000) }),
      await admin('PUT', path, []),
    ];
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 400]);
    expect(JSON.stringify(refused)).not.toContain(value);
    expect(server().log.join('\n')).not.toContain(value);
  });

  test('is what `atoll secrets` speaks', async () => {
    const env = { ATOLL_URL: server().url, ATOLL_API_KEY: server().apiKey };
    const cli = async (args: string[], input?: string) => {
      const ran = await runCli(['secrets', ...args], { env, ...(input !== undefined && { input }) });
      return `${ran.exitCode} ${ran.stdout}${ran.stderr}`;
    };
    expect(await cli(['unset', 'A', 'B', 'M'])).toBe('0 3 secrets unset\n');
    expect(await cli(['ls'])).toBe('0 no secrets found\n');
    expect(await cli(['set', 'A=1'])).toBe('0 1 secret set\n');
    expect(await cli(['set', 'A=1=2', 'FROM_INPUT'], 'piped\n')).toBe('0 2 secrets set\n');
    expect(await cli(['ls'])).toMatch(/^0 Name\tCreated At\nA\t\d.*\nFROM_INPUT\t.*\n2 secrets\n$/);
    expect(await cli(['unset', 'NONE'])).toMatch(/^1 .*there is no secret NONE/);
    expect(await cli(['set', '=1'])).toMatch(/^2 /);
    expect(await cli(['rotate-key'])).toMatch(/^0 2 secrets encrypted with key [a-z0-9]{8}\n$/);
    const [line] = readFileSync(join(server().dataDir, 'secret-keys'), 'utf8').split('\n');
    expect(line).toMatch(/^[a-z0-9]{8} [0-9a-f]{64}$/);
  });
});
