import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { pageHeaders, unbuiltPage } from './console-page.ts';
import type { ConsolePage } from './console-page.ts';

/** What of a request decides which file it gets. */
export interface PageRequest {
  method: string;
  url: string;
  headers: { accept?: string | undefined; 'accept-encoding'?: string | string[] | undefined };
}

export type ConsoleFiles = (request: PageRequest) => Promise<ConsolePage | undefined>;

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};

/** Names that the build gives, in two levels at most; never one that begins with a dot. */
const filePath = /^\/console\/((?:assets\/)?[A-Za-z0-9_][A-Za-z0-9._-]*)$/;
const codings = [
  { name: 'br', suffix: '.br' },
  { name: 'gzip', suffix: '.gz' },
] as const;

/**
 * Answers what no route has: the files of the console below `/console/`, and for a browser that goes to `/` or to a
 * page below `/console` the one document that shows them all. Everything else is for nobody.
 */
export function createConsoleFiles({ folder }: { folder: string }): ConsoleFiles {
  return async ({ method, url, headers }) => {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    const path = url.split('?', 1)[0] ?? '';
    const name = filePath.exec(path)?.[1];
    const accepted = String(headers['accept-encoding'] ?? '');
    const file = name === undefined ? undefined : await readCoded(folder, name, accepted);
    if (name !== undefined && file !== undefined) return toPage(name, file);
    if (!isPagePath(path) || !(headers.accept ?? '').includes('text/html')) return undefined;
    const document = await readCoded(folder, 'index.html', accepted);
    return document === undefined ? unbuiltPage() : toPage('index.html', document);
  };
}

const isPagePath = (path: string): boolean =>
  path === '/' ||
  path === '/console' ||
  // Where device logins send people.
  path === '/login/device' ||
  (path.startsWith('/console/') && !path.startsWith('/console/assets/'));

interface Coded {
  body: Buffer;
  coding?: string;
}

/** The smallest form that the browser takes. */
async function readCoded(folder: string, name: string, accepted: string): Promise<Coded | undefined> {
  for (const { name: coding, suffix } of codings) {
    if (!new RegExp(`\\b${coding}\\b(?!\\s*;\\s*q=0(?:\\.0*)?(?:,|$))`).test(accepted)) continue;
    const body = await readIfThere(join(folder, name + suffix));
    if (body !== undefined) return { body, coding };
  }
  const body = await readIfThere(join(folder, name));
  return body && { body };
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^(ENOENT|EISDIR|ENOTDIR)$/.test(String(error.code)))
      return undefined;
    throw error;
  }
}

/** Names of assets hold a digest of their content; the document, which names them, is asked for each time. */
function toPage(name: string, { body, coding }: Coded): ConsolePage {
  const isAsset = name.startsWith('assets/');
  return {
    status: 200,
    headers: {
      ...pageHeaders,
      'content-type': contentTypes[extname(name)] ?? 'application/octet-stream',
      'cache-control': isAsset ? 'public, max-age=31536000, immutable' : 'no-cache',
      vary: 'accept-encoding',
      ...(coding !== undefined && { 'content-encoding': coding }),
    },
    body,
  };
}
