import { SandboxClient } from '@atoll/sdk';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBrowser } from '../fixtures/browser.ts';
import {
  createMany,
  deleteMany,
  heapBytesOf,
  interactionsOf,
  noteInteractions,
  renameSteadily,
} from '../fixtures/console-load.ts';
import { buildConsole, logIn, openConsole, startPlaywright } from '../fixtures/console.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { mountSmallDisk } from '../fixtures/small-disk.ts';
import type { SmallDisk } from '../fixtures/small-disk.ts';

const isLong = process.env['ATOLL_TEST_LONG'] === '1';
const SANDBOXES = isLong ? 500 : 20;
const CHANGES_PER_SECOND = 50;
const LASTS_MS = isLong ? 5 * 60_000 : 2_000;
const KEY_EVERY_MS = isLong ? 100 : 20;
const TIMEOUT_MS = isLong ? 20 * 60_000 : 180_000;
/** What a table may hold more after minutes of changes than before them. */
const MAX_GROWTH_BYTES = 12 * 1024 * 1024;

/** What the server unpacks and keeps free; memory is taken for what is written alone. */
const DISK_MB = 8_000;
/** Less than the server keeps for itself. */
const FULL_MB = 500;
const isRoot = process.getuid?.() === 0;

const program = findBrowser();

/** Every name fits, so the table stays full while it is searched. */
const WORD = 'box-';

describe.skipIf(program === undefined)('a console with many sandboxes that change', () => {
  let built: Awaited<ReturnType<typeof buildConsole>>;
  let disk: SmallDisk | undefined;
  let server: TestServer;
  let browser: Browser;
  let client: SandboxClient;
  let page: Page;
  let ids: string[] | undefined;

  beforeAll(async () => {
    [built, browser] = await Promise.all([buildConsole(), startPlaywright(program ?? '')]);
    disk = isRoot ? await mountSmallDisk(DISK_MB) : undefined;
    server = await startTestServer({
      runtime: 'fake',
      env: { ATOLL_CONSOLE_DIR: built.folder },
      ...(disk !== undefined && { parentDir: disk.folder }),
    });
    client = new SandboxClient({ apiUrl: server.url, apiKey: server.apiKey });
    ids = await createMany(client, SANDBOXES);
    ({ page } = await openConsole(browser, server.url));
    await logIn(page, server.apiKey);
    await page.getByRole('button', { name: `living ${SANDBOXES}` }).waitFor();
  }, TIMEOUT_MS);
  afterAll(async () => {
    await browser?.close();
    if (ids !== undefined) await deleteMany(client, ids);
    await server?.close();
    await disk?.remove();
    await built?.remove();
  }, TIMEOUT_MS);

  test(
    'drops no key, forgets nothing and does not grow',
    async () => {
      await noteInteractions(page);
      const changes = renameSteadily(client, ids ?? [], CHANGES_PER_SECOND);
      const search = page.getByLabel('Search by name, id or image');
      await search.focus();
      const before = await heapBytesOf(page);
      const until = performance.now() + LASTS_MS;
      let typed = 0;
      while (performance.now() < until) {
        await page.keyboard.type(WORD, { delay: KEY_EVERY_MS });
        expect(await search.inputValue()).toBe(WORD);
        for (const _ of WORD) await page.keyboard.press('Backspace', { delay: KEY_EVERY_MS });
        expect(await search.inputValue()).toBe('');
        typed += 2 * WORD.length;
      }
      await changes.stop();
      const { keys, ms } = await interactionsOf(page);
      const after = await heapBytesOf(page);
      if (isLong) {
        const at = (part: number): string => `${ms[Math.floor(ms.length - keys * (1 - part))] ?? '<16'} ms`;
        const grown = ((after - before) / 1024 / 1024).toFixed(1);
        console.info(`${changes.done()} changes, ${keys} keys: p50 ${at(0.5)}, p99 ${at(0.99)}; ${grown} MB`);
      }
      expect(keys).toBe(typed);
      expect(after - before).toBeLessThan(MAX_GROWTH_BYTES);
      // What the table shows in the end is what the server has.
      const last = (await client.list()).toSorted((a, b) => +(b.createdAt ?? 0) - +(a.createdAt ?? 0))[0];
      await page.getByRole('link', { name: last?.name ?? '', exact: true }).waitFor();
    },
    TIMEOUT_MS,
  );

  test.runIf(isRoot)('a full disk is said where it is in the way, until there is room', async () => {
    await disk?.leave(FULL_MB);
    await page.getByRole('button', { name: 'Create' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('late');
    await dialog.getByRole('button', { name: 'Create' }).click();
    const alert = dialog.getByRole('alert');
    await alert.waitFor();
    expect(await alert.innerText()).toMatch(/the data directory has \d+ MB left[\s\S]*Request/);
    await disk?.leave(DISK_MB);
    await dialog.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'late' }).waitFor();
  });
});
