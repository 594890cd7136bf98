import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { expectTable } from '../fixtures/client-table.ts';

const entry = createRequire(import.meta.url).resolve('tensorlake');
const types = readFileSync(join(dirname(entry), 'index.d.ts'), 'utf8');

/** The exported classes that are no errors. */
function classesOf(): string[] {
  const exported = types.slice(types.lastIndexOf('export {')).matchAll(/(?<!type )\b(\w+)(?=,| \})/g);
  return [...exported]
    .map(([, name = '']) => name)
    .filter((name) => new RegExp(`^declare class ${name}\\b`, 'm').test(types))
    .filter((name) => !/(?:Error|Exception)$/.test(name));
}

/** The public members of a class, but its constructor; those that begin with `_` are its own. */
function membersOf(name: string): string[] {
  const [, body = ''] = new RegExp(`^declare class ${name}\\b[^{]*\\{\\n([^]*?)^\\}`, 'm').exec(types) ?? [];
  const members = body.matchAll(
    /^ {4}(?!private |constructor\b)(?:(?:static|get|readonly) )*([a-z]\w*)[(<:;?]/gm,
  );
  return [...new Set([...members].map(([, member = '']) => member))];
}

test('the page of published clients names each call of npm tensorlake, and where it is tried', () => {
  const offered = Object.fromEntries(classesOf().map((name) => [name, membersOf(name)]));
  expect(offered['Sandbox']).toContain('createPty');
  expectTable('npm tensorlake 0.5.89', offered, (text, call) => new RegExp(`\\.${call}\\b`).test(text));
});
