import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createConsoleFiles } from './console-files.ts';
import type { ConsoleFiles } from './console-files.ts';

let parent: string;
let files: ConsoleFiles;

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'atoll-test-'));
  await mkdir(join(parent, 'console', 'assets'), { recursive: true });
  await writeFile(join(parent, 'secret'), 'secret');
  await writeFile(join(parent, 'console', 'index.html'), 'document');
  await writeFile(join(parent, 'console', 'assets', 'a-1.js'), 'plain');
  await writeFile(join(parent, 'console', 'assets', 'a-1.js.br'), 'brotli');
  files = createConsoleFiles({ folder: join(parent, 'console') });
});
afterAll(() => rm(parent, { recursive: true, force: true }));

const get = (url: string, headers: Record<string, string> = {}) => files({ method: 'GET', url, headers });
const textOf = async (url: string, headers?: Record<string, string>) =>
  (await get(url, headers))?.body.toString();
const html = { accept: 'text/html,*/*' };

test.each(['/', '/?x=1', '/console', '/console/sandbox/abc/terminal'])(
  'a browser at %s gets the document',
  async (url) => {
    const page = await get(url, html);
    expect(page?.body.toString()).toBe('document');
    expect(page?.headers['cache-control']).toBe('no-cache');
    expect(page?.headers['content-security-policy']).toContain("script-src 'self'");
  },
);

test.each(['/', '/console', '/console/sandbox/abc'])('a program at %s gets no page', async (url) => {
  expect(await get(url, { accept: 'application/json' })).toBeUndefined();
});

test.each(['/sandboxes', '/v1/nothing', '/consoles', '/console/assets/gone.js'])(
  'a browser at %s gets no page either',
  async (url) => {
    expect(await get(url, html)).toBeUndefined();
  },
);

test.each([
  '/console/../secret',
  '/console/%2e%2e/secret',
  '/console/assets/../../secret',
  '/console/..%2fsecret',
])('the path %s leads nowhere', async (url) => {
  expect(await textOf(url)).toBeUndefined();
});

test('an asset may be kept for ever', async () => {
  const page = await get('/console/assets/a-1.js');
  expect(page?.headers['cache-control']).toContain('immutable');
});

test('who takes brotli gets it, and who refuses it does not', async () => {
  expect(await textOf('/console/assets/a-1.js', { 'accept-encoding': 'gzip, br' })).toBe('brotli');
  expect(await textOf('/console/assets/a-1.js', { 'accept-encoding': 'br;q=0, gzip' })).toBe('plain');
  expect(await textOf('/console/assets/a-1.js')).toBe('plain');
});

test('what is sent is for others', async () => {
  expect(await files({ method: 'POST', url: '/', headers: html })).toBeUndefined();
});

test('without a build a browser reads how to build it', async () => {
  const page = await createConsoleFiles({ folder: join(parent, 'none') })({
    method: 'GET',
    url: '/',
    headers: html,
  });
  expect(page?.status).toBe(503);
  expect(page?.body.toString()).toContain('scripts/setup.sh console');
});
