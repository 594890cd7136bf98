import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SandboxClient } from '@atoll/sdk';
import type { Sandbox } from '@atoll/sdk';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { findBrowser, startBrowser } from '../fixtures/browser.ts';
import type { Browser } from '../fixtures/browser.ts';
import { describeOnUsualDriver } from '../fixtures/server.ts';

const SETUP_TIMEOUT_MS = 120_000;
const PAGE = '/tmp/page.html';
const PORT = 5173;
/** A page is loaded when the browser says so; a busy machine takes its time. */
const SHOWN = { timeout: 45_000, interval: 100 };

const program = findBrowser();

describeOnUsualDriver(
  'a page with hot reload in a browser',
  (server) => {
    if (program === undefined)
      return void test.skip('there is no Chromium here: scripts/setup.sh test-tools', () => {});
    let browser: Browser;
    let sandbox: Sandbox;
    let forms: Record<string, string> = {};

    beforeAll(async () => {
      browser = await startBrowser(program, 'MAP *.atoll.test 127.0.0.1');
      const client = new SandboxClient({ apiUrl: server().url, apiKey: server().apiKey });
      sandbox = await client.createAndConnect({
        exposePorts: [PORT],
        allowUnauthenticatedAccess: true,
        memoryMb: 512,
      });
      await sandbox.writeFile(PAGE, '<h1>first</h1>');
      const source = await readFile(join(import.meta.dirname, 'port', 'reloading-page.py'));
      await sandbox.writeFile('/tmp/reloading-page.py', source);
      await sandbox.startProcess('python3', { args: ['/tmp/reloading-page.py', PAGE, String(PORT)] });
      const [urls] = (await sandbox.info()).portUrls;
      const { port } = new URL(server().url);
      forms = {
        'a name below the domain': `http://${PORT}-${sandbox.sandboxId}.atoll.test:${port}/`,
        'a name below localhost': urls?.url ?? '',
        'a path': urls?.pathUrl ?? '',
        'a port of localhost': urls?.localUrl ?? '',
      };
    }, SETUP_TIMEOUT_MS);
    afterAll(async () => browser?.close());

    test.each(['a name below the domain', 'a name below localhost', 'a path', 'a port of localhost'])(
      'by %s it shows a file, and shows it again when it changes',
      async (form) => {
        await sandbox.writeFile(PAGE, '<h1>first</h1>');
        const page = await browser.open(forms[form] ?? '');
        await vi.waitFor(async () => expect(await page.text()).toBe('first'), SHOWN);
        await sandbox.writeFile(PAGE, '<h1>second</h1>');
        await vi.waitFor(async () => expect(await page.text()).toBe('second'), SHOWN);
        await sandbox.writeFile(PAGE, '<h1>third</h1>');
        await vi.waitFor(async () => expect(await page.text()).toBe('third'), SHOWN);
      },
    );
  },
  { args: ['--base-domain', 'atoll.test'] },
);
