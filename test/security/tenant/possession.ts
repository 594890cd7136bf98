import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { call } from '../../fixtures/api.ts';
import type { Call, Target } from '../../fixtures/api.ts';
import { snapshotCalls } from '../../fixtures/snapshot-calls.ts';
import type { TestServer } from '../../fixtures/server.ts';

/** An account with a workspace of the same name. */
export interface Tenant extends Target {
  name: string;
  organization: string;
  project: string;
  member: string;
  key: string;
  /** A personal token, which acts in whatever workspace of its member is named. */
  personal: string;
}

const BASE = 'tensorlake/debian-minimal';

/** The parsed body of an answer that has to succeed. */
export async function ask<T>(target: Target, path: string, options: Call = {}): Promise<T> {
  const { status, body } = await call(target, path, options);
  expect({ path, status, body }).toMatchObject({ status: expect.toSatisfy((code: number) => code < 300) });
  return body as T; // the routes' own schemas
}

export async function makeTenant(server: TestServer, name: string): Promise<Tenant> {
  const made = await ask<{ apiKey: string; account: { id: string }; workspace: { id: string } }>(
    server,
    '/v1/accounts',
    { body: { name, workspace: name, ownerName: 'Owner' } },
  );
  const target = { url: server.url, apiKey: made.apiKey };
  const me = await ask<{ keyId: string; member: { id: string } }>(target, '/v1/whoami');
  const personal = { name: 'all', kind: 'personal' };
  const { value } = await ask<{ value: string }>(target, '/v1/keys', { body: personal });
  const ids = { organization: made.account.id, project: made.workspace.id, member: me.member.id };
  return { ...target, ...ids, name, key: me.keyId, personal: value };
}

/** One of everything that a workspace can have: what paths name it by. */
export type Possession = Record<string, string>;

/** Makes one of everything for a tenant; `secrets` is what must be shown to nobody again. */
export async function furnish(
  server: TestServer,
  tenant: Tenant,
): Promise<{ owned: Possession; secrets: string[] }> {
  const post = <T>(path: string, body: object): Promise<T> => ask<T>(tenant, path, { method: 'POST', body });
  const spec = {
    runtime: { image: BASE, memory: 512, envs: [{ name: 'S', value: 'v-of-env', secret: true }] },
  };
  await post(`/v1/images/${encodeURIComponent(BASE)}/tags`, { name: 'victims-image' });
  const metadata = { name: 'victims-box', externalId: 'victims-external' };
  await post('/v0/sandboxes', { metadata, spec });
  const { id: sandbox } = await ask<{ id: string }>(tenant, '/sandboxes/victims-box');
  const at = '/v0/sandboxes/victims-box';
  await post(`${at}/previews`, { metadata: { name: 'victims-preview' }, spec: { port: 3000 } });
  const token = await post<{ spec: { token: string } }>(`${at}/previews/victims-preview/tokens`, {});
  const schedule = await post<{ id: string }>(`${at}/schedules`, {
    type: 'cron',
    value: '0 0 1 1 *',
    input: { command: 'true' },
  });
  const snapshot = await snapshotCalls(() => tenant).take(sandbox, { snapshot_type: 'filesystem' });
  const volume = await post<{ id: string }>('/platform/v1/file-systems', {
    name: 'victims-volume',
    size_mb: 64,
  });
  await post('/v0/drives', { metadata: { name: 'victims-drive' }, spec: { size: 64 } });
  const template = { metadata: { name: 'victims-template' }, spec: { defaultSize: 16 } };
  const templateUpload = await call(tenant, '/v0/volume_templates?upload=true', { body: template });
  const pool = await post<{ pool_id: string }>('/sandbox-pools', {
    image: BASE,
    max_containers: 1,
    warm_containers: 0,
  });
  await ask(tenant, '/platform/v1/secrets', {
    method: 'PUT',
    body: { name: 'VICTIMS_SECRET', value: 'v-of-secret' },
  });
  const build = await post<{ id: string }>('/v1/builds', { name: 'victims-build', context: true });
  const account = await post<{ client_id: string; client_secret: string }>('/v0/service_accounts', {
    name: 'victims-robot',
  });
  const robotKey = await post<{ id: string; apiKey: string }>(
    `/v0/service_accounts/${account.client_id}/api_keys`,
    {},
  );
  const grant = { grant_type: 'client_credentials', ...account };
  const access = await post<{ access_token: string }>('/v0/oauth/token', grant);
  const upload = await call(tenant, '/v0/images?upload=true', { body: { name: 'victims-upload' } });
  const registry = new URL(server.url).host;
  const login = { registry, username: 'any', password: tenant.personal };
  await ask(tenant, '/v1/registries', { method: 'PUT', body: login });
  const guest = await post<{ id: string }>(`/v1/workspaces/${tenant.name}/members`, {
    name: 'victims-guest',
    role: 'viewer',
  });
  const sshKey = await post<{ id: string }>('/platform/v1/users/me/ssh-keys', {
    name: 'victims-ssh',
    publicKey: newSshKey(),
  });
  await ask(server, `/v1/images/${encodeURIComponent(BASE)}/tags`, { body: { name: 'offered-image' } });
  const target = { workspace: tenant.name, accountId: tenant.organization };
  await ask(server, '/v1/images/offered-image/shares', { body: target });
  const offers = await ask<{ shares: { id: string }[] }>(tenant, '/v1/image-shares');
  const session = await call(tenant, '/v1/session', { method: 'POST' });
  return {
    owned: {
      sandbox,
      sandboxName: 'victims-box',
      externalId: metadata.externalId,
      preview: 'victims-preview',
      token: token.spec.token,
      schedule: schedule.id,
      snapshot: snapshot.id,
      image: 'victims-image',
      volume: volume.id,
      volumeName: 'victims-volume',
      volumeTemplate: 'victims-template',
      drive: 'victims-drive',
      pool: pool.pool_id,
      secret: 'VICTIMS_SECRET',
      build: build.id,
      client: account.client_id,
      clientKey: robotKey.id,
      key: tenant.key,
      guest: guest.id,
      sshKey: sshKey.id,
      registry,
      offer: offers.shares[0]?.id ?? 'no offer',
    },
    secrets: [
      'v-of-env',
      'v-of-secret',
      account.client_secret,
      robotKey.apiKey,
      access.access_token,
      token.spec.token,
      String(upload.headers['x-blaxel-upload-url']).replace(/^.*\//, ''),
      String(templateUpload.headers['x-blaxel-upload-url']).replace(/^.*\//, ''),
      /=([^;]+)/.exec(session.headers['set-cookie']?.[0] ?? '')?.[1] ?? 'no session',
      tenant.apiKey ?? '',
      tenant.personal,
    ],
  };
}

function newSshKey(): string {
  const folder = mkdtempSync(join(tmpdir(), 'atoll-test-'));
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'key')]);
  const key = readFileSync(join(folder, 'key.pub'), 'utf8');
  rmSync(folder, { recursive: true });
  return key;
}
