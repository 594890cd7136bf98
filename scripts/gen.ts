/** `npm run gen` writes docs/reference; `--check` writes nothing and exits with 1 where a page is out of date. */
import { join } from 'node:path';
import { findOutdated, writeReference } from './gen/reference.ts';

const root = join(import.meta.dirname, '..');

if (process.argv.includes('--check')) {
  const outdated = findOutdated(root);
  for (const { path } of outdated) process.stderr.write(`out of date: ${path}\n`);
  if (outdated.length > 0) process.stderr.write('next: npm run gen, and commit what it writes\n');
  process.exitCode = outdated.length > 0 ? 1 : 0;
} else {
  for (const { path } of writeReference(root)) process.stdout.write(`wrote ${path}\n`);
}
