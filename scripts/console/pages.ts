import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import type { Scene } from './scene.ts';

export interface PictureOf {
  name: string;
  /** Below the console's own path. */
  path: string;
  /** What a person does there before the picture. */
  prepare?: (page: Page) => Promise<void>;
}

/** Each page of the console once, with something to see. */
export function pagesOf({ agent, site, desktop, image, build, pool }: Scene): PictureOf[] {
  const at = (part: string): string => `/sandbox/${agent}/${part}`;
  return [
    { name: 'sandboxes', path: '/' },
    { name: 'create', path: '/', prepare: openCreate },
    { name: 'overview', path: at('overview'), prepare: fillCharts },
    { name: 'terminal', path: at('terminal'), prepare: typeInTerminal },
    { name: 'files', path: at('files?path=/workspace/project') },
    { name: 'file', path: at('files?path=/workspace/project&file=/workspace/project/notes.md') },
    { name: 'processes', path: at('processes'), prepare: followProcess },
    { name: 'logs', path: at('logs') },
    { name: 'ports', path: `/sandbox/${site}/ports` },
    ...(desktop === undefined
      ? []
      : [{ name: 'desktop', path: `/sandbox/${desktop}/desktop`, prepare: showDesktop }]),
    { name: 'network', path: at('network') },
    { name: 'lineage', path: at('lineage') },
    { name: 'images', path: '/images' },
    { name: 'image', path: `/images/${image}` },
    { name: 'share', path: `/images/${image}`, prepare: openShare },
    { name: 'builds', path: '/builds' },
    { name: 'build', path: `/builds/${build}` },
    { name: 'pools', path: '/pools' },
    { name: 'pool', path: `/pools/${pool}` },
    { name: 'volumes', path: '/volumes' },
    { name: 'secrets', path: '/secrets' },
    { name: 'settings', path: '/settings' },
    { name: 'members', path: '/settings/members' },
    { name: 'keys', path: '/settings/keys' },
    { name: 'registries', path: '/settings/registries' },
    { name: 'audit', path: '/settings/audit' },
    { name: 'health', path: '/health' },
  ];
}

async function openCreate(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('research-agent-2');
}

/** Samples come every few seconds. */
async function fillCharts(): Promise<void> {
  await sleep(15_000);
}

async function typeInTerminal(page: Page): Promise<void> {
  const input = page.locator('.xterm-helper-textarea');
  await input.waitFor({ state: 'attached' });
  await input.focus();
  await page.keyboard.type('clear; uname -srm; ls -l project; head -3 project/notes.md\n');
}

async function followProcess(page: Page): Promise<void> {
  await page.getByText('crawl.py').first().click();
}

async function showDesktop(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.locator('.desktop-screen canvas').waitFor();
}

async function openShare(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Share', exact: true }).click();
}
