import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { controlRoutes, dataPlaneRoutes, openApiDocument } from '@atoll/protocol';
import type { Route } from '@atoll/protocol';
import { version } from '../../server/src/version.ts';
import { apiPage } from './api-page.ts';
import { cliPage } from './cli-page.ts';
import { errorPage } from './error-page.ts';
import { securityPage } from './security-section.ts';

/** A file that is made from code alone. */
export interface ReferenceFile {
  /** Below the root of the project. */
  path: string;
  content: string;
}

/** Every file of docs/reference as it should be, and the page with a section that tests write. */
export function referenceFiles(root: string): ReferenceFile[] {
  const [control, dataPlane] = [inOrder(controlRoutes), inOrder(dataPlaneRoutes)];
  const routes = [...control, ...dataPlane];
  const openApi = openApiDocument(routes, version);
  return [
    { path: 'docs/reference/openapi.json', content: `${JSON.stringify(openApi, null, 2)}\n` },
    { path: 'docs/reference/api.md', content: apiPage(control, dataPlane) },
    { path: 'docs/reference/errors.md', content: errorPage(routes) },
    { path: 'docs/reference/cli.md', content: cliPage('atoll') },
    { path: 'docs/reference/bl.md', content: cliPage('bl') },
    { path: 'SECURITY.md', content: securityPage(root) },
  ];
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** By tag, path and method. The order of a module's exports is not the same in everything that loads modules. */
function inOrder(routes: readonly Route[]): Route[] {
  const tags = [...new Set(routes.map(({ tag }) => tag))];
  return routes.toSorted(
    (a, b) =>
      tags.indexOf(a.tag) - tags.indexOf(b.tag) ||
      compareText(a.paths[0], b.paths[0]) ||
      methods.indexOf(a.method) - methods.indexOf(b.method),
  );
}

/** By code unit: the language of the machine must not decide. */
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The files that are missing or say something else than the code. */
export const findOutdated = (root: string): ReferenceFile[] =>
  referenceFiles(root).filter(({ path, content }) => readIfThere(join(root, path)) !== content);

/** Writes what is out of date and tells which files that were. */
export function writeReference(root: string): ReferenceFile[] {
  const outdated = findOutdated(root);
  for (const { path, content } of outdated) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return outdated;
}

const readIfThere = (path: string): string | undefined =>
  existsSync(path) ? readFileSync(path, 'utf8') : undefined;
