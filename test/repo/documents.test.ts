import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorTable } from '@atoll/protocol';
import { expect, test } from 'vitest';
import { createProgram } from '../../cli/src/program.ts';
import { readConfig } from '../../server/src/config.ts';
import { atollCommands } from './shell-line.ts';

const root = join(import.meta.dirname, '..', '..');
const folders = ['*', '{agent,bench,docs,images,test}/**/*'].map((folder) => `${folder}.md`);
const pages = globSync(folders, { cwd: root, exclude: (path) => path.includes('node_modules') }).toSorted();

const read = (page: string): string => readFileSync(join(root, page), 'utf8');
const withoutCode = (text: string): string =>
  text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');

/** As the usual renderers make them of headings. */
const anchorsOf = (page: string): string[] =>
  [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

test.each(pages)('%s links to what exists', (page) => {
  const links = [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  const broken = links
    .filter((link) => !/^(https?|mailto):/.test(link))
    .filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(target).includes(anchor);
    });
  expect(broken).toEqual([]);
});

const shown = pages.flatMap((page) =>
  atollCommands(read(page)).map((words) => ({ page, line: words.join(' '), words })),
);

test.each(shown)('$page: `$line` is a command of atoll', async ({ words }) => {
  let said = '';
  const writeErr = (text: string) => void (said += text);
  const writeOut = () => {};
  const program = createProgram({ name: 'atoll', run: async () => {}, writeOut, writeErr });
  await program.parseAsync(words.slice(1), { from: 'user' }).catch((error: { exitCode?: number }) => {
    if (error.exitCode !== 0) throw new Error(said, { cause: error }); // 0: help was asked for
  });
  if (words[1] === 'server' && !words.includes('--help')) readConfig(words.slice(2), {}, root);
});

test('every page of docs is in its index', () => {
  const index = read('docs/README.md');
  const missing = globSync('**/*.md', { cwd: join(root, 'docs') }).filter(
    (page) => page !== 'README.md' && !index.includes(`(${page})`),
  );
  expect(missing).toEqual([]);
});

test('every error is in docs/troubleshooting.md', () => {
  const page = read('docs/troubleshooting.md');
  expect(Object.keys(errorTable).filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});
