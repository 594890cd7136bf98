import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { call, createSandbox, sandboxCalls } from '../../fixtures/api.ts';
import type { Call, Target } from '../../fixtures/api.ts';
import { registryClient } from '../../fixtures/registry-client.ts';
import { runCli } from '../../fixtures/run-cli.ts';
import type { TestServer } from '../../fixtures/server.ts';

/** An image that every test server has. */
const BASE = 'tensorlake/debian-minimal';

/** Two workspaces of one account and one of another, over the Blaxel dialect, the server's own API and the CLI. */
export function testImageShares(server: () => TestServer): void {
  const as = (apiKey: string): Target => ({ url: server().url, apiKey });
  const ask = async <T>(target: Target, path: string, options: Call = {}): Promise<T> => {
    const { status, body } = await call(target, path, options);
    expect({ path, status, body }).toMatchObject({
      status: expect.toSatisfy((code: number) => code < 300),
    });
    return body as T; // the routes' own schemas
  };
  /** In the words of the Blaxel dialect, in a workspace. */
  const inside = (apiKey: string, workspace: string) => (method: string, path: string, body?: unknown) =>
    call(as(apiKey), `/v0${path}`, {
      method,
      headers: { 'x-blaxel-workspace': workspace },
      ...(body !== undefined && { body }),
    });
  const name = (target: Target, image: string) =>
    ask(target, `/v1/images/${encodeURIComponent(BASE)}/tags`, { body: { name: image } });
  const startOn = async (target: Target, image: string): Promise<string> => {
    const id = await createSandbox(target, { image });
    onTestFinished(async () => void (await call(target, `/sandboxes/${id}`, { method: 'DELETE' })));
    return id;
  };

  /** A test that is tried again finds other names. */
  let round = 0;

  interface Account {
    apiKey: string;
    account: { id: string };
  }
  /** The workspaces `LABEL1` and `LABEL1-prod` of one account and `LABEL1-partner` of another. */
  const people = async (label: string) => {
    const mark = `${label}${++round}`;
    const make = (account: string) =>
      ask<Account>(server(), '/v1/accounts', {
        body: { name: account, workspace: account, ownerName: 'Owner' },
      });
    const [home, partner] = [await make(mark), await make(`${mark}-partner`)];
    await ask(as(home.apiKey), '/v1/workspaces', { body: { name: `${mark}-prod` } });
    const personal = { body: { name: 'all', kind: 'personal' } };
    const { value: token } = await ask<{ value: string }>(as(home.apiKey), '/v1/keys', personal);
    return {
      token,
      home: { key: as(home.apiKey), v0: inside(token, mark), workspace: mark },
      prod: { v0: inside(token, `${mark}-prod`), workspace: `${mark}-prod` },
      partner: {
        key: as(partner.apiKey),
        v0: inside(partner.apiKey, `${mark}-partner`),
        workspace: `${mark}-partner`,
        accountId: partner.account.id,
      },
      cli: (target: Target, ...args: string[]) =>
        runCli(args, { env: { ATOLL_URL: target.url, ATOLL_API_KEY: target.apiKey ?? '' } }),
    };
  };

  test('an image is shared within an account at once, and taken back', async () => {
    const { home, prod, token } = await people('sharers');
    await name(home.key, 'app');
    const share = (body: object) => home.v0('POST', '/images/sandbox/app/share', body);
    const shared = await share({ targetWorkspace: prod.workspace });
    expect(shared).toMatchObject({ status: 200, body: { metadata: { name: 'app' } } });
    await name(home.key, 'app:v1');
    const seen = await prod.v0('GET', '/images/sandbox/app');
    expect(seen.body).toMatchObject({ metadata: { sourceWorkspace: home.workspace } });
    expect(JSON.stringify(seen.body)).toContain('"v1"');
    expect((await home.v0('GET', '/images/sandbox/app/share')).body).toMatchObject([
      { workspace: prod.workspace, status: 'active' },
    ]);
    const { call: asDocker, putManifest } = registryClient({ url: server().url, apiKey: token });
    const pull = (reference: string) => asDocker(`/v2/${prod.workspace}/app/manifests/${reference}`);
    const pulled = await pull('v1');
    const manifest = await pulled.text();
    const { config } = JSON.parse(manifest) as { config: { digest: string } }; // by the registry
    const blob = await asDocker(`/v2/${prod.workspace}/app/blobs/${config.digest}`);
    expect([pulled.status, blob.status, (await pull('v2')).status]).toEqual([200, 200, 404]);
    expect((await putManifest(`${prod.workspace}/app`, 'v2', manifest)).status).toBe(403);
    const onwards = { targetWorkspace: home.workspace };
    expect((await prod.v0('POST', '/images/sandbox/app/share', onwards)).status).toBe(400);
    expect((await prod.v0('DELETE', '/images/sandbox/app')).status).toBe(403);
    for (const path of ['app', 'app:v1', 'app/tags/v1'])
      expect((await home.v0('DELETE', `/images/sandbox/${path}`)).status).toBe(400);
    expect((await home.v0('DELETE', '/images')).body).toMatchObject({ deleted: 0 });
    expect((await home.v0('DELETE', `/images/sandbox/app/share/${prod.workspace}`)).status).toBe(200);
    expect((await home.v0('DELETE', `/images/sandbox/app/share/${prod.workspace}`)).status).toBe(404);
    expect((await prod.v0('GET', '/images')).body).toEqual([]);
    expect((await pull('v1')).status).toBe(404);
    expect((await home.v0('DELETE', '/images')).body).toMatchObject({ deleted: 1 });
    await name(home.key, 'used');
    await startOn(home.key, 'used');
    expect((await home.v0('DELETE', '/images')).body).toMatchObject({ deleted: 0 });
  });

  test('another account accepts first, and its sandboxes outlive the share', async () => {
    const { home, partner, cli } = await people('lenders');
    await name(home.key, 'app');
    const share = (body: object) => home.v0('POST', '/images/sandbox/app/share', body);
    const offered = await share({ targetWorkspace: partner.workspace, targetAccountId: partner.accountId });
    expect(offered).toMatchObject({ status: 202, body: { imageName: 'app' } });
    const { id } = offered.body as { id: string };
    const waiting = await cli(partner.key, 'image', 'pending');
    expect(waiting.stdout).toMatch(new RegExp(`${id}\\tapp\t${home.workspace}`));
    expect((await call(partner.key, '/v1/images/app')).status).toBe(404);
    const member = { name: 'member', role: 'member' };
    const { value } = await ask<{ value: string }>(partner.key, '/v1/keys', { body: member });
    const accept = (target: Target, query = '') =>
      call(target, `/v0/pending-image-shares/${id}/accept${query}`, { method: 'POST' });
    expect((await accept(as(value))).status).toBe(403);
    expect((await accept(home.key)).status).toBe(404);
    await name(partner.key, 'app');
    expect((await accept(partner.key)).status).toBe(409);
    expect(await accept(partner.key, '?force=true')).toMatchObject({
      status: 200,
      body: { metadata: { name: 'app', sourceWorkspace: home.workspace } },
    });
    const sandbox = await startOn(partner.key, 'app');
    const unshared = await cli(home.key, 'image', 'unshare', 'app', partner.workspace);
    expect(unshared.stdout).toBe(`Image app unshared from workspace ${partner.workspace}\n`);
    expect((await sandboxCalls(partner.key, sandbox).run('echo alive')).output).toBe('alive');
    expect((await home.v0('GET', '/images/sandbox/app/share')).body).toEqual([]);
  });

  test('the CLI offers, accepts and declines; what is wrong is refused by name', async () => {
    const { home, prod, partner, cli } = await people('traders');
    await name(home.key, 'app');
    const share = (...args: string[]) => cli(home.key, 'image', 'share', ...args);
    const refused = await Promise.all([
      share('app:v1', prod.workspace),
      share('app', home.workspace),
      share('missing', prod.workspace),
      share('app', partner.workspace),
    ]);
    expect(refused.map(({ exitCode }) => exitCode)).toEqual([1, 1, 1, 1]);
    expect(refused[0]?.stderr).toContain("remove ':v1' from the reference");
    expect((await share('app', prod.workspace)).stdout).toBe(
      `Image app shared with workspace ${prod.workspace}\n`,
    );
    const offer = async (): Promise<string> => {
      const made = await share('app', partner.workspace, '--account', partner.accountId);
      return /\((share_\w+)\)/.exec(made.stdout)?.[1] ?? made.stderr;
    };
    const declined = await offer();
    expect((await cli(partner.key, 'image', 'decline', declined)).stdout).toBe(`Declined ${declined}\n`);
    expect((await cli(partner.key, 'image', 'accept', declined)).exitCode).toBe(1);
    const late = await offer();
    expire(server(), late);
    expect((await cli(partner.key, 'image', 'pending')).stdout).not.toContain(late);
    const accepted = await call(partner.key, `/v0/pending-image-shares/${late}/accept`, { method: 'POST' });
    expect(accepted).toMatchObject({ status: 410 });
    expect((await cli(partner.key, 'image', 'accept', late)).exitCode).toBe(1);
    expect((await cli(partner.key, 'image', 'accept', await offer())).stdout).toBe('app\n');
    const listed = await cli(home.key, 'image', 'shares', 'app');
    expect(listed.stdout).toMatch(/traders\d-partner\t.*active/);
    expect(listed.stdout).toMatch(/traders\d-prod\t.*active/);
    expect((await cli(partner.key, 'image', 'ls')).stdout).toContain(`from ${home.workspace}`);
  });
}

/** As when a week has passed. */
function expire({ dataDir }: TestServer, shareId: string): void {
  const database = new DatabaseSync(join(dataDir, 'atoll.db'));
  const { changes } = database
    .prepare('UPDATE pending_image_shares SET expires_at = 1 WHERE id = ?')
    .run(shareId);
  database.close();
  expect(changes).toBe(1);
}
