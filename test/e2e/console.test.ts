import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { AdminClient, SandboxClient } from '@atoll/sdk';
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
import { vncServer } from '../fixtures/vnc-server.ts';

const SETUP_TIMEOUT_MS = 180_000;
const MAX_FIRST_LOAD_BYTES = 350 * 1024;

const program = findBrowser();
const gvisor = (await findDriversUnderTest()).find(({ name }) => name === 'gvisor');
const obstacle =
  program === undefined ? 'there is no Chromium here: scripts/setup.sh test-tools' : gvisor?.obstacle;

describe.skipIf(gvisor === undefined)('the console on gvisor', () => {
  if (obstacle !== undefined || program === undefined) return void test.skip(obstacle ?? '', () => {});
  let built: Awaited<ReturnType<typeof buildConsole>>;
  let server: TestServer;
  let browser: Browser;
  let client: SandboxClient;
  let page: Page;
  let problems: string[];
  let printing: string;

  beforeAll(async () => {
    [built, browser] = await Promise.all([buildConsole(), startPlaywright(program)]);
    server = await startTestServer({ runtime: 'gvisor', env: { ATOLL_CONSOLE_DIR: built.folder } });
    client = new SandboxClient({ apiUrl: server.url, apiKey: server.apiKey });
    ({ page, problems } = await openConsole(browser, server.url));
  }, SETUP_TIMEOUT_MS);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await built?.remove();
  }, SETUP_TIMEOUT_MS);

  test('the first load is small', async () => {
    const document = await readFile(join(built.folder, 'index.html'), 'utf8');
    const names = [...document.matchAll(/\/console\/(assets\/[^"]+)/g)].map(([, name]) => name ?? '');
    const files = await Promise.all(names.map((name) => readFile(join(built.folder, name))));
    const bytes = files.reduce((sum, file) => sum + gzipSync(file).length, 0);
    expect(names.length).toBeGreaterThan(1);
    expect(bytes).toBeLessThan(MAX_FIRST_LOAD_BYTES);
    expect(await readdir(join(built.folder, 'assets'))).toContain(`${names[0]?.slice('assets/'.length)}.br`);
  });

  test('a wrong key is refused with what to do', async () => {
    await page.getByLabel('API key').fill('atoll_key_wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.innerText()).toContain('Request');
    expect(await seriousFindings(page)).toEqual([]);
  });

  test('a key opens a session whose cookie no page can read', async () => {
    await logIn(page, server.apiKey);
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    expect(await page.evaluate('document.cookie + JSON.stringify(localStorage)')).toBe('{}');
    await page.getByText('No sandboxes yet').waitFor();
  });

  test('the form creates a sandbox and shows the same as a command', async () => {
    await page.getByRole('button', { name: 'Create' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('my-env');
    await dialog.getByLabel('Memory (MB)').fill('512');
    expect(await dialog.locator('pre').innerText()).toBe('atoll sbx create my-env --memory 512');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'my-env' }).waitFor();
    await page.getByText('running', { exact: true }).waitFor();
    const uses = page.getByRole('region', { name: 'What it uses' });
    await uses.getByText(/[0-9] CPU/).waitFor();
    await uses.getByText(/MB of 512 MB/).waitFor();
    await uses.getByText(/[kM]?B of 10 GB/).waitFor();
    await uses.getByText(/^in .*B\/s · out .*B\/s$/).waitFor();
    await page.getByRole('region', { name: 'Its creation' }).getByText('Runtime').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
  });

  test('the operator sees how the machine stands, and what the doctor says of it', async () => {
    await page.keyboard.press('g');
    await page.keyboard.press('h');
    const room = page.getByRole('region', { name: 'Room' });
    await room
      .getByText(/of \d.* left/)
      .first()
      .waitFor();
    await page.getByRole('region', { name: 'Of all workspaces' }).getByText('1 running').waitFor();
    await page.getByRole('region', { name: 'Versions' }).getByText(process.versions.node).waitFor();
    const checks = page.getByRole('region', { name: 'Checks of the machine' });
    await checks.getByText('runsc (gVisor)').waitFor();
    expect(await checks.getByText('port', { exact: true }).count()).toBe(0);
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('link', { name: 'Atoll, sandboxes' }).click();
    await page.getByRole('link', { name: 'my-env' }).click();
    await page.getByRole('heading', { name: 'my-env' }).waitFor();
  });

  test('what is typed into a terminal runs, also after the page was loaded again', async () => {
    await page.getByRole('link', { name: 'Terminal' }).click();
    await page.getByRole('tab', { name: 'Terminal 1' }).waitFor();
    await page.locator('.xterm-helper-textarea').focus();
    await page.keyboard.type('echo $((6 * 7))-is-it\n');
    await page.locator('.xterm-rows').getByText('42-is-it', { exact: true }).waitFor();
    await visit(page);
    await page.locator('.xterm-rows').getByText('42-is-it', { exact: true }).waitFor();
    expect(page.url()).not.toContain('token');
  });

  test('a terminal stays while its sandbox sleeps, and a key wakes it', async () => {
    await page.getByRole('button', { name: 'Suspend' }).click();
    await page.getByText('Press any key to wake it').waitFor();
    await page.getByText('suspended', { exact: true }).waitFor();
    expect((await client.get('my-env')).status).toBe('suspended');
    await page.locator('.xterm-helper-textarea').focus();
    await page.keyboard.type('echo $((50 + 7))-awake\n');
    await page.locator('.xterm-rows').getByText('57-awake', { exact: true }).waitFor();
  });

  test('a file that is edited is that of the sandbox', async () => {
    const sandbox = await client.connect('my-env');
    printing = sandbox.sandboxId;
    await sandbox.run('echo', { args: ['kept beyond the end'] });
    await sandbox.writeFile('/workspace/notes.txt', 'before');
    // A browser cuts what is on its way when an interface of its machine comes or goes, as with every sandbox.
    let cuts = 2;
    await page.route('**/assets/files-tab-*', (route) =>
      cuts-- > 0 ? route.abort('connectionreset') : route.continue(),
    );
    await page.getByRole('link', { name: 'Files' }).click();
    await page.getByRole('button', { name: 'notes.txt', exact: true }).click();
    expect(cuts).toBeLessThan(1);
    await page.getByLabel('Text of /workspace/notes.txt').fill('after <b>it</b>');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved', { exact: true }).waitFor();
    expect(new TextDecoder().decode(await sandbox.readFile('/workspace/notes.txt'))).toBe('after <b>it</b>');
    expect(await seriousFindings(page)).toEqual([]);
  });

  test('a link to a port lets in who has it and no key, until it is ended', async () => {
    const sandbox = await client.connect('my-env');
    await sandbox.startProcess('python3', { args: ['-m', 'http.server', '-d', '/workspace', '8000'] });
    await page.getByRole('link', { name: 'Ports' }).click();
    await page.getByLabel('Port of the link').fill('8000');
    await page.getByRole('button', { name: 'Make a link' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('img', { name: 'QR code of the link to port 8000' }).waitFor();
    const address = await dialog.locator('pre').innerText();
    const status = async (): Promise<number> => (await fetch(address, { redirect: 'manual' })).status;
    await expect.poll(status).toBe(200);
    expect(await seriousFindings(page)).toEqual([]);
    if (process.env['ATOLL_TEST_PICTURES'])
      await page.screenshot({ path: process.env['ATOLL_TEST_PICTURES'] });
    await dialog.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('button', { name: 'End the link to port 8000' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'End the link' }).click();
    await page.getByText('A link opens one port to whoever has it').waitFor();
    expect(await status()).toBe(401);
  });

  test('a desktop is seen, and takes keys', async () => {
    const sandbox = await client.connect('my-env');
    const { pid } = await sandbox.startProcess('python3', { args: ['-c', vncServer] });
    await sandbox.followStdout(pid).next();
    await page.getByRole('link', { name: 'Desktop' }).click();
    await page.getByRole('button', { name: 'Connect' }).click();
    const color = async (): Promise<number[]> =>
      page.evaluate(
        `[...(document.querySelector('.desktop-screen canvas')?.getContext('2d').getImageData(100, 100, 1, 1).data ?? [])]`,
      );
    await expect.poll(color).toEqual([0, 0, 255, 255]);
    await page.keyboard.type('hi');
    await expect.poll(color).toEqual([0, 255, 0, 255]);
    await expect.poll(async () => new TextDecoder().decode(await sandbox.readFile('/tmp/keys'))).toBe('hi');
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByLabel('Port of the VNC server').fill('5999');
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await page.getByText('Nothing that speaks VNC answers on this port').waitFor();
  });

  test('a change that a program makes shows by itself', async () => {
    await page.getByRole('link', { name: 'Atoll, sandboxes' }).click();
    await client.create({ name: 'by-program', memoryMb: 512 });
    const row = page.getByRole('row', { name: 'by-program' });
    await row.getByText(/\d MB of 512 MB/).waitFor();
    await client.suspend('by-program');
    await row.getByText('suspended').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
  });

  test('forks are a tree below what they copied', async () => {
    await page.getByRole('link', { name: 'my-env' }).click();
    await page.getByRole('button', { name: 'Fork' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Copies').fill('3');
    await dialog.getByRole('button', { name: 'Fork' }).click();
    await page.locator('.lineage .node').nth(3).waitFor();
    expect(await page.locator('.lineage ul .node').count()).toBe(3);
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('link', { name: 'Atoll, sandboxes' }).click();
  });

  test('a viewer is offered nothing that would fail', async () => {
    const admin = new AdminClient({ apiUrl: server.url, apiKey: server.apiKey });
    const { value } = await admin.createKey({ name: 'viewer', role: 'viewer' });
    const viewer = await openConsole(browser, server.url, { viewport: { width: 390, height: 780 } });
    await logIn(viewer.page, value);
    await viewer.page.getByRole('link', { name: 'my-env' }).click();
    await viewer.page.getByRole('heading', { name: 'my-env' }).waitFor();
    expect(await viewer.page.getByRole('button', { name: /Create|Suspend|Fork|Terminate/ }).count()).toBe(0);
    expect(await viewer.page.getByRole('link', { name: /Terminal|Files/ }).count()).toBe(0);
    await viewer.page.getByRole('link', { name: 'Health' }).click();
    await viewer.page.getByText('The operator of the server sees').waitFor();
    expect(await viewer.page.getByRole('region', { name: 'Room' }).count()).toBe(0);
    const refused = await viewer.page.evaluate(
      `fetch('/v1/namespaces/default/sandboxes/my-env', {method: 'DELETE', headers: {'x-atoll-console': '1'}}).then((answer) => answer.status)`,
    );
    expect(refused).toBe(403);
    const wide = await viewer.page.evaluate<boolean>('document.body.scrollWidth > window.innerWidth');
    expect(wide).toBe(false);
    await viewer.page.context().close();
  });

  test('a restart of the server is said and got over', async () => {
    const { host } = new URL(server.url);
    await server.kill9();
    await page.getByText('The server has not answered').waitFor();
    await server.restart(['--listen', host]);
    await page.getByText('The server has not answered').waitFor({ state: 'detached' });
    client = new SandboxClient({ apiUrl: server.url, apiKey: server.apiKey });
    await client.updateSandbox('by-program', 'renamed');
    await page.getByRole('link', { name: 'renamed' }).waitFor();
  });

  test('several are terminated at once, after it was said what is lost', async () => {
    const all = page.getByLabel('Select all that are listed');
    await all.check();
    await page.getByRole('button', { name: 'Terminate 5' }).waitFor();
    await all.uncheck();
    // One after the other, before any of them is drawn.
    await page.evaluate("document.querySelectorAll('tbody .pick input').forEach((box) => box.click())");
    await page.getByRole('button', { name: 'Terminate 5' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.innerText()).toContain('my-env');
    await dialog.getByRole('button', { name: 'Terminate' }).click();
    await page.getByText('No sandboxes yet').waitFor();
  });

  test('what was printed in a sandbox is there after its end', async () => {
    await visit(page, `${server.url}/console/sandbox/${printing}/processes`);
    await page.getByRole('link', { name: 'what it printed' }).click();
    await page.getByText('kept beyond the end', { exact: true }).waitFor();
    await page.getByLabel('Only lines with this text').fill('no such text');
    await page.getByText('No line fits').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('link', { name: 'Atoll, sandboxes' }).click();
  });

  test('two browsers have a session each, and one whose key is revoked says that it ended', async () => {
    const admin = new AdminClient({ apiUrl: server.url, apiKey: server.apiKey });
    const key = await admin.createKey({ name: 'of another browser' });
    const other = await openConsole(browser, server.url);
    await logIn(other.page, key.value);
    await other.page.getByRole('button', { name: 'Log out' }).click();
    await other.page.getByLabel('API key').waitFor();
    await logIn(other.page, key.value);
    await other.page.getByRole('link', { name: 'Images' }).click();
    await other.page.getByRole('heading', { name: 'Images', exact: true }).waitFor();
    await admin.revokeKey(key.key.id);
    await other.page.getByText('Your session has ended').waitFor();
    await other.page.getByLabel('API key').fill(server.apiKey);
    await other.page.getByRole('button', { name: 'Log in' }).click();
    await other.page.getByRole('heading', { name: 'Images', exact: true }).waitFor();
    expect(other.problems).toEqual([]);
    await other.page.context().close();
    expect(await page.getByRole('heading', { name: 'Sandboxes', exact: true }).isVisible()).toBe(true);
    expect(await page.getByText(/session has ended|not answered/).count()).toBe(0);
  });

  test('a session that expires says so, and who logs in again goes on where he was', async () => {
    const admin = new AdminClient({ apiUrl: server.url, apiKey: server.apiKey });
    const other = await openConsole(browser, server.url);
    const key = await admin.createKey({ name: 'of a short visit', expiresInSecs: 8 });
    await logIn(other.page, key.value);
    await other.page.getByRole('link', { name: 'Images' }).click();
    await other.page.getByText('Your session has ended').waitFor();
    await other.page.getByLabel('API key').fill(server.apiKey);
    await other.page.getByRole('button', { name: 'Log in' }).click();
    await other.page.getByRole('heading', { name: 'Images', exact: true }).waitFor();
    expect(other.problems).toEqual([]);
    await other.page.context().close();
  });

  test('who logs out on one page is out on the others', async () => {
    const other = await page.context().newPage();
    await visit(other, `${server.url}/`);
    await other.getByRole('button', { name: 'Log out' }).click();
    await page.getByText('Your session has ended').waitFor();
    await logIn(page, server.apiKey);
  });

  test('who logs out is out, and the page has done nothing wrong', async () => {
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('API key').waitFor();
    expect(await page.context().cookies()).toEqual([]);
    expect(problems).toEqual([]);
  });
});
