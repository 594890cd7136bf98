import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** Folders of server/src by rank (ARCHITECTURE.md): a file imports lower ranks or its own folder. */
const ranks: Record<string, number> = {
  lib: 0,
  store: 1,
  runtime: 1,
  network: 1,
  agent: 1,
  checkpoint: 2,
  image: 2,
  journal: 2,
  secret: 2,
  tenancy: 2,
  build: 3,
  sharing: 3,
  snapshot: 3,
  volume: 3,
  sandbox: 4,
  gateway: 5,
  ssh: 6,
  http: 5,
  doctor: 5,
};
const MAIN = 7;

/** The types of slots, which the other folders of rank 1 speak of too. */
const SLOT_TYPES = 'server/src/runtime/driver.ts';

/** What each package may import of the others. */
const packages: Record<string, readonly string[]> = {
  protocol: [],
  server: ['@atoll/protocol'],
  sdk: ['@atoll/protocol'],
  cli: ['@atoll/protocol', '@atoll/sdk', '@atoll/server'],
  console: ['@atoll/sdk'],
};

const importsOf = (file: string): string[] => targets(file, /(?:from|import\()\s*'([^']+)'/g);
/** Without `import type`, which is gone at run time. */
const codeImportsOf = (file: string): string[] =>
  targets(file, /(?:^import (?!type )[^;]*?from|^export [^;]*?from|import\()\s*'([^']+)'/gm);

const targets = (file: string, pattern: RegExp): string[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(pattern)].map((match) => match[1] ?? '');

const sources = (pattern: string): string[] =>
  globSync(pattern, { cwd: root }).filter((file) => !file.endsWith('.test.ts'));

const folderOf = (file: string): string => normalize(file).split('/')[2] ?? '';

const rankOf = (file: string): number => ranks[folderOf(file)] ?? MAIN;

test('a file of the server imports lower ranks or its own folder', () => {
  const wrong = sources('server/src/**/*.ts').flatMap((file) =>
    importsOf(file)
      .filter((target) => target.startsWith('.'))
      .map((target) => join(dirname(file), target))
      .filter(
        (target) =>
          folderOf(target) !== folderOf(file) && rankOf(target) >= rankOf(file) && rankOf(file) !== MAIN,
      )
      .filter((target) => target !== SLOT_TYPES)
      .map((target) => `${file} imports ${target}`),
  );
  expect(wrong).toEqual([]);
});

test('packages import each other in one direction', () => {
  const wrong = Object.entries(packages).flatMap(([name, mayImport]) =>
    sources(`${name}/src/**/*.{ts,tsx}`).flatMap((file) =>
      importsOf(file)
        .filter((target) => target.startsWith('@atoll/'))
        .filter(
          (target) =>
            !mayImport.some(
              (allowedPackage) => target === allowedPackage || target.startsWith(`${allowedPackage}/`),
            ),
        )
        .map((target) => `${file} imports ${target}`),
    ),
  );
  expect(wrong).toEqual([]);
});

test('only the CLI verbs that run in the process of the server import it', () => {
  const importers = sources('cli/src/**/*.ts').filter((file) =>
    importsOf(file).some((target) => target.startsWith('@atoll/server')),
  );
  expect(importers.toSorted()).toEqual(['cli/src/command/doctor.ts', 'cli/src/command/server.ts']);
});

test('there are no import cycles in the server', () => {
  const graph = new Map(
    sources('server/src/**/*.ts').map((file) => [
      file,
      codeImportsOf(file)
        .filter((target) => target.startsWith('.'))
        .map((target) => join(dirname(file), target)),
    ]),
  );
  expect(findCycle(graph)).toEqual([]);
});

function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return [];
    const cycle = (graph.get(file) ?? [])
      .map((next) => visit(next, [...path, file]))
      .find((found) => found.length > 0);
    done.add(file);
    return cycle ?? [];
  };
  return [...graph.keys()].map((file) => visit(file, [])).find((found) => found.length > 0) ?? [];
}

test('files stay below 400 lines', () => {
  const long = ['protocol', 'server', 'sdk', 'cli']
    .flatMap((name) => sources(`${name}/src/**/*.{ts,tsx}`))

    .filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > 400);
  expect(long).toEqual([]);
});
