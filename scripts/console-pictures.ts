/**
 * `make console-pictures`: a server with a workspace in the middle of its work, and a picture of each page of the console
 * in docs/console, dark and light, as wide as a desk and as a phone. `--only WORD` takes those of some pages, `--png` and
 * a folder are for looking at them.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { findBrowser } from '../test/fixtures/browser.ts';
import { logIn, openConsole, startPlaywright, visit } from '../test/fixtures/console.ts';
import { pagesOf } from './console/pages.ts';
import type { PictureOf } from './console/pages.ts';
import { endScene, makeScene } from './console/scene.ts';
import { startServer, stopServer } from './local-server.ts';

const { values, positionals } = parseArgs({
  options: { only: { type: 'string', default: '' }, png: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const folder = positionals[0] ?? join(import.meta.dirname, '..', 'docs', 'console');
const program = findBrowser();
if (program === undefined) throw new Error('this takes Chromium: scripts/setup.sh test-tools');

const desk = { viewport: { width: 1280, height: 800 } };
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const looks: Record<string, BrowserContextOptions> = {
  light: { ...desk, colorScheme: 'light' },
  dark: { ...desk, colorScheme: 'dark' },
  'phone-light': { ...phone, colorScheme: 'light' },
  'phone-dark': { ...phone, colorScheme: 'dark' },
};
/** Charts and lists fill within this time after their page is there. */
const SETTLES_MS = 1_500;

const dataDir = mkdtempSync(join(tmpdir(), 'atoll-pictures-'));
const server = await startServer(dataDir);
const browser = await startPlaywright(program);
try {
  process.stderr.write('making a workspace …\n');
  const isDesktopShown = 'desktop'.includes(values.only);
  const scene = await makeScene({ apiUrl: server.url, apiKey: server.apiKey }, isDesktopShown);
  const pages = pagesOf(scene).filter(({ name }) => name.includes(values.only));
  mkdirSync(folder, { recursive: true });
  for (const [look, options] of Object.entries(looks)) await takeAll(browser, pages, look, options);
} finally {
  await browser.close();
  // A server that stops leaves its sandboxes to the next.
  await endScene({ apiUrl: server.url, apiKey: server.apiKey });
  await stopServer(server);
  rmSync(dataDir, { recursive: true, force: true });
}

async function takeAll(
  from: Browser,
  pages: readonly PictureOf[],
  look: string,
  options: BrowserContextOptions,
): Promise<void> {
  const { page } = await openConsole(from, server.url, options);
  await logIn(page, server.apiKey);
  for (const { name, path, prepare } of pages) {
    await visit(page, `${server.url}/console${path}`);
    await page.getByRole('heading').first().waitFor();
    await prepare?.(page);
    await sleep(SETTLES_MS);
    writeFileSync(join(folder, `${name}-${look}.${values.png ? 'png' : 'webp'}`), await pictureOf(page));
    process.stderr.write(`${name}-${look}\n`);
  }
  await page.context().close();
}

async function pictureOf(page: Page): Promise<Buffer> {
  if (values.png) return page.screenshot();
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 82 });
  await session.detach();
  return Buffer.from(data, 'base64');
}
