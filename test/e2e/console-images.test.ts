import { readFile } from 'node:fs/promises';
import { AdminClient, BuildClient, SandboxClient } from '@atoll/sdk';
import type { AuditEntry, CreatedAccount } from '@atoll/sdk';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBrowser } from '../fixtures/browser.ts';
import {
  buildConsole,
  logIn,
  openConsole,
  seriousFindings,
  startPlaywright,
  visit,
} from '../fixtures/console.ts';
import { findDriversUnderTest } from '../fixtures/driver-under-test.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';

const SETUP_TIMEOUT_MS = 180_000;

const program = findBrowser();
const gvisor = (await findDriversUnderTest()).find(({ name }) => name === 'gvisor');
const obstacle =
  program === undefined ? 'there is no Chromium here: scripts/setup.sh test-tools' : gvisor?.obstacle;

/** Shares reach across workspaces, so several people look at one server, each in a browser of their own. */
describe.skipIf(gvisor === undefined)('images in the console on gvisor', () => {
  if (obstacle !== undefined || program === undefined) return void test.skip(obstacle ?? '', () => {});
  let built: Awaited<ReturnType<typeof buildConsole>>;
  let server: TestServer;
  let browser: Browser;
  let admin: AdminClient;
  let builds: BuildClient;
  let page: Page;
  let problems: string[];
  let partner: CreatedAccount;

  const build = async (name: string, step: string): Promise<string> => {
    const dockerfile = `FROM tensorlake/ubuntu-minimal\nRUN ${step}\n`;
    return (await builds.create({ name, dockerfile, context: false })).id;
  };
  /** What somebody with another key sees of the images. */
  const imagesOf = async (apiKey: string): Promise<Page> => {
    const other = await openConsole(browser, server.url);
    await logIn(other.page, apiKey);
    await other.page.getByRole('link', { name: 'Images' }).click();
    await other.page.getByRole('heading', { name: 'Images' }).waitFor();
    return other.page;
  };

  beforeAll(async () => {
    [built, browser] = await Promise.all([buildConsole(), startPlaywright(program)]);
    server = await startTestServer({ runtime: 'gvisor', env: { ATOLL_CONSOLE_DIR: built.folder } });
    const options = { apiUrl: server.url, apiKey: server.apiKey };
    admin = new AdminClient(options);
    builds = new BuildClient(options);
    partner = await admin.createAccount({ name: 'Partner', workspace: 'partner', ownerName: 'Pat' });
    ({ page, problems } = await openConsole(browser, server.url));
    await logIn(page, server.apiKey);
  }, SETUP_TIMEOUT_MS);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await built?.remove();
  }, SETUP_TIMEOUT_MS);

  test('without an image of its own a workspace is told how to build one', async () => {
    await page.getByRole('link', { name: 'Images' }).click();
    await page.getByText('No images of your own yet').waitFor();
    await page.getByRole('row', { name: 'tensorlake/ubuntu-minimal' }).getByText('base image').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
  });

  test('a build shows its steps as they go, and opens a shell in the one that failed', async () => {
    const id = await build('tools', 'echo got here; exit 3');
    await page.getByRole('link', { name: 'Builds' }).click();
    await page.getByRole('link', { name: 'tools' }).click();
    await page.getByText('failed', { exact: true }).first().waitFor();
    await page.getByText('got here', { exact: true }).waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    expect(page.url()).toContain(id);
    await page.getByRole('button', { name: 'Open a shell in the failed step' }).click();
    await page.getByRole('tab', { name: 'Terminal 1' }).waitFor();
    const sandboxes = new SandboxClient({ apiUrl: server.url, apiKey: server.apiKey });
    const opened = new URL(page.url()).pathname.split('/')[3] ?? '';
    expect((await sandboxes.get(opened)).status).toBe('running');
    await page.locator('.xterm-helper-textarea').focus();
    await page.keyboard.type('echo $((40 + 2))-in-the-step\n');
    await page.locator('.xterm-rows').getByText('42-in-the-step', { exact: true }).waitFor();
    await sandboxes.delete(opened);
  });

  test('a running build is cancelled', async () => {
    const id = await build('tools', 'sleep 600');
    await visit(page, `${server.url}/console/builds/${id}`);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('cancelled', { exact: true }).first().waitFor();
    expect((await builds.get(id)).status).toBe('cancelled');
  });

  test('what was built shows by itself, with its layers and its builds', async () => {
    await page.getByRole('link', { name: 'Images' }).click();
    await build('tools', 'echo ok > /opt/ok');
    await page.getByRole('link', { name: 'tools', exact: true }).click();
    await page.getByRole('region', { name: 'Layers' }).getByText('echo ok > /opt/ok').waitFor();
    const history = page.getByRole('region', { name: 'Build history' });
    expect(await history.getByRole('row').count()).toBe(3);
    expect(await seriousFindings(page)).toEqual([]);
  });

  test('an image is shared within the account at once', async () => {
    await admin.createWorkspace('staging');
    await page.getByRole('button', { name: 'Share', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/^Workspace/).fill('staging');
    await dialog.getByRole('button', { name: 'Share', exact: true }).click();
    const shares = page.getByRole('region', { name: 'Shared with' });
    await shares.getByRole('row', { name: 'staging' }).getByText('active').waitFor();
    expect(await admin.imageShares.list('tools')).toMatchObject([{ workspace: 'staging', status: 'active' }]);
  });

  test('what is shared cannot be deleted, and the page says why', async () => {
    await page.getByRole('button', { name: 'Delete the tag latest' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Delete' }).click();
    expect(await dialog.getByRole('alert').innerText()).toContain('shared');
    await dialog.getByRole('button', { name: 'Keep' }).click();
  });

  test('another account accepts an offer, also over an image of that name', async () => {
    await page.getByRole('button', { name: 'Share', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Another account' }).click();
    await dialog.getByLabel(/^Account id/).fill(partner.account.id);
    await dialog.getByLabel(/^Workspace/).fill('partner');
    await dialog.getByRole('button', { name: 'Offer' }).click();
    const shares = page.getByRole('region', { name: 'Shared with' });
    await shares.getByRole('row', { name: 'partner' }).getByText('pending').waitFor();
    const theirs = new AdminClient({ apiUrl: server.url, apiKey: partner.apiKey });
    await theirs.tagImage('tensorlake/ubuntu-minimal', 'tools');
    const seen = await imagesOf(partner.apiKey);
    const offer = seen.getByRole('article', { name: 'Offer of tools' });
    await offer.getByText('has an image tools of its own').waitFor();
    await offer.getByRole('button', { name: 'Accept' }).click();
    await seen.getByRole('button', { name: 'Accept and replace' }).click();
    await seen.getByText('shared by default').waitFor();
    expect((await theirs.describeImage('tools')).sharedFrom).toBe('default');
    await seen.context().close();
  });

  test('a share that is revoked ends there', async () => {
    await visit(page);
    await page.getByRole('button', { name: 'Revoke the share with partner' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('row', { name: 'partner' }).waitFor({ state: 'detached' });
    const theirs = new AdminClient({ apiUrl: server.url, apiKey: partner.apiKey });
    expect((await theirs.describeImage('tools')).sharedFrom).toBeUndefined();
  });

  test('a viewer is offered no change of an image', async () => {
    const { value } = await admin.createKey({ name: 'viewer', role: 'viewer' });
    const seen = await imagesOf(value);
    await seen.getByRole('link', { name: 'tools', exact: true }).click();
    await seen.getByRole('heading', { name: 'tools' }).waitFor();
    expect(await seen.getByRole('button', { name: /Share|Delete|Revoke/ }).count()).toBe(0);
    await seen.context().close();
  });

  test('the pages of pools, volumes and secrets say what to do, and do it', async () => {
    await page.getByRole('link', { name: 'Pools' }).click();
    await page.getByText('No pools yet').waitFor();
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('dialog').getByLabel('Memory (MB)').fill('256');
    await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
    await page.getByRole('button', { name: 'Edit' }).click();
    const pool = page.getByRole('dialog', { name: 'Change this pool' });
    expect(await pool.getByLabel('Memory (MB)').inputValue()).toBe('256');
    await pool.getByLabel('Idle limit (s)').fill('600');
    expect(await seriousFindings(page)).toEqual([]);
    await pool.getByRole('button', { name: 'Change' }).click();
    await page.getByText('end after 10 min').waitFor();
    await page.getByText('256 MB memory').waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No pools yet').waitFor();
    await page.getByRole('link', { name: 'Volumes' }).click();
    await page.getByText('No volumes yet').waitFor();
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('dialog').getByLabel(/^Name/).fill('my-data');
    await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
    const row = page.getByRole('row', { name: 'my-data' });
    await row.getByRole('button', { name: 'my-data', exact: true }).click();
    const volume = page.getByRole('dialog', { name: 'my-data' });
    await volume.getByLabel(/^Size/).fill('20480');
    await volume.getByRole('button', { name: 'Let it grow' }).click();
    await row.getByText('of 20 GB').waitFor();
    await volume.getByRole('button', { name: 'Take a snapshot' }).click();
    await volume.getByRole('row').getByText('20 GB').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await volume.getByRole('button', { name: 'Done' }).click();
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('link', { name: 'Atoll, sandboxes' }).click();
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByText('Network, volumes, secrets and ports').click();
    await page.getByRole('checkbox', { name: 'my-data', exact: true }).check();
    const command = page.getByRole('dialog').locator('pre');
    expect(await command.innerText()).toBe('atoll sbx create --filesystem my-data:/mnt/my-data');
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('link', { name: 'Secrets' }).click();
    await page.getByRole('button', { name: 'Set', exact: true }).click();
    await page.getByRole('dialog').getByLabel(/^Name/).fill('MY_TOKEN');
    await page
      .getByRole('dialog')
      .getByLabel(/^Value/)
      .fill('not-to-be-seen');
    await page.getByRole('dialog').getByRole('button', { name: 'Set', exact: true }).click();
    await page.getByRole('row', { name: 'MY_TOKEN' }).waitFor();
    expect(await page.content()).not.toContain('not-to-be-seen');
    expect((await admin.listSecrets()).map(({ name }) => name)).toEqual(['MY_TOKEN']);
  });

  test('the workspace is logged in at a registry, which has to take the password', async () => {
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('link', { name: 'Registries' }).click();
    const registry = new URL(server.url).host;
    await page.getByLabel('Registry', { exact: true }).fill(registry);
    await page.getByLabel('User name').fill('any');
    await page.getByLabel('Password or token').fill('not-a-key');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('does not take this name and password').waitFor();
    await page.getByLabel('Password or token').fill(server.apiKey);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('row', { name: registry }).waitFor();
    expect(await admin.registryLogins.list()).toMatchObject([{ registry, username: 'any' }]);
    await page.getByRole('button', { name: `Log out of ${registry}` }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Log out' }).click();
    await page.getByText('No logins yet').waitFor();
  });

  test('the audit record is searched and exported as a whole', async () => {
    await page.getByRole('link', { name: 'Audit log' }).click();
    await page
      .getByRole('cell', { name: /putRegistryLogin/ })
      .first()
      .waitFor();
    await page.getByRole('searchbox').fill('UNSHARE');
    await page
      .getByRole('cell', { name: /unshareImage/ })
      .first()
      .waitFor();
    await page
      .getByRole('cell', { name: /putRegistryLogin/ })
      .first()
      .waitFor({ state: 'detached' });
    const saving = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export all that fits' }).click();
    const saved = JSON.parse(await readFile(await (await saving).path(), 'utf8')) as AuditEntry[];
    expect(new Set(saved.map(({ action }) => action))).toEqual(new Set(['unshareImage']));
    await page.getByRole('searchbox').fill('no such thing');
    await page.getByText('Nothing fits').waitFor();
  });

  test('a key that the page made works, and ends when it is revoked', async () => {
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByText((await admin.whoami()).account.id).waitFor();
    const used = page.getByRole('region', { name: 'Used of what it may use' });
    await used.getByText('of 1000').waitFor();
    await page.getByRole('link', { name: 'API keys' }).click();
    await page.getByLabel('Name of a new key').fill('made-here');
    await page.getByRole('button', { name: 'Create a key' }).click();
    const apiKey = await page.getByRole('status').locator('pre').innerText();
    const made = new AdminClient({ apiUrl: server.url, apiKey });
    expect((await made.whoami()).keyName).toBe('made-here');
    await page.getByRole('button', { name: 'Revoke made-here' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('row', { name: 'made-here' }).waitFor({ state: 'detached' });
    await expect(made.whoami()).rejects.toMatchObject({ statusCode: 401 });
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('link', { name: 'Audit log' }).click();
    await page.getByRole('row', { name: 'revoke' }).first().waitFor();
  });

  test('a device is let in where its login sends people', async () => {
    const login = await admin.startLogin();
    await visit(page, `${server.url}/login/device?user_code=${login.userCode}`);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('Approved.').waitFor();
    expect(await admin.pollLogin(login.deviceCode)).toBe('approved');
  });

  test('the pages have done nothing wrong', () => {
    expect(problems).toEqual([]);
  });
});
