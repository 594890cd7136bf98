import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dockerignoreNames, parseDockerignore } from './dockerignore.ts';
import { cleanPath, createPathMatcher, PathPatternError } from './path-pattern.ts';

/** Patterns, a path, and whether Docker takes it. */
const table: readonly (readonly [readonly string[], string, boolean])[] = [
  [['**'], 'file', true],
  [['**'], 'dir/file', true],
  [['**/'], 'file', true],
  [['**/'], 'dir/file', true],
  [['**/**'], 'dir/file', true],
  [['dir/**'], 'dir/file', true],
  [['dir/**'], 'dir/dir2/file', true],
  [['dir/**'], 'dir', false],
  [['dir/**'], 'other/dir/file', false],
  [['**/dir'], 'dir', true],
  [['**/dir'], 'a/b/dir', true],
  [['**/dir'], 'a/b/dirx', false],
  [['**/dir2/*'], 'dir/dir2/file', true],
  [['**/dir2/*'], 'dir/dir2/dir2/file', true],
  [['**/dir2/**'], 'dir/dir2/dir2/file', true],
  [['**file'], 'file', true],
  [['**file'], 'dir/file', true],
  [['**file'], 'dir/afile', true],
  [['**/file'], 'dir/afile', false],
  [['**/*.txt'], 'a.txt', true],
  [['**/*.txt'], 'a/b.txt', true],
  [['**/*.txt'], 'a/b.text', false],
  [['a**/*.txt'], 'a/b/c.txt', true],
  [['a**/*.txt'], 'ab/c.txt', true],
  [['a*.txt'], 'a/b.txt', false],
  [['*'], 'a', true],
  [['*'], 'a/b', true],
  [['*/b'], 'a/b', true],
  [['*/b'], 'b', false],
  [['a?c'], 'abc', true],
  [['a?c'], 'a/c', false],
  [['a?c'], 'ac', false],
  [['?'], 'ä', true],
  [['[a-c]x'], 'bx', true],
  [['[a-c]x'], 'dx', false],
  [['[^a-c]x'], 'dx', true],
  [['[^a-c]x'], 'ax', false],
  [['[\\]]'], ']', true],
  [['a\\*c'], 'a*c', true],
  [['a\\*c'], 'abc', false],
  [['a\\bc'], 'abc', true],
  [['.git'], '.git', true],
  [['.git'], '.git/config', true],
  [['.git'], '.gitignore', false],
  [['.git/'], '.git/config', true],
  [['a.b'], 'axb', false],
  [['a+(b)$'], 'a+(b)$', true],
  [['Dir'], 'dir', false],
  [['dir'], './dir/x', true],
  [['dir/'], 'dir/', true],
  [['dir/../other'], 'other', true],
  [['./dir'], 'dir', true],
  [['a//b'], 'a/b', true],
  [[' dir '], 'dir', true],
  [[''], 'dir', false],
  [[], 'dir', false],
  [['*', '!keep'], 'keep', false],
  [['*', '!keep'], 'keep/file', false],
  [['*', '!keep'], 'other', true],
  [['*', '!keep/file'], 'keep/file', false],
  [['*', '!keep/file'], 'keep/more', true],
  [['!keep', '*'], 'keep', true],
  [['*.md', '!README*.md', 'README-secret.md'], 'README-a.md', false],
  [['*.md', '!README*.md', 'README-secret.md'], 'README-secret.md', true],
  [['docs', '!docs/public', 'docs/public/draft'], 'docs/public/a', false],
  [['docs', '!docs/public', 'docs/public/draft'], 'docs/public/draft/a', true],
  [['docs/*', '!docs/*.md'], 'docs/a.md', false],
  [['docs/*', '!docs/*.md'], 'docs/sub/a.md', true],
  [['**', '!**/*.go'], 'a/b/c.go', false],
  [['**', '! spaced'], 'spaced', false],
];

test.each(table)('%j on %s is %s', (patterns, path, expected) => {
  expect(createPathMatcher(patterns).matches(path)).toBe(expected);
});

test.each(['!', '[', 'a[', '[]', '[a-', '[-a]', 'a\\', '[a\\'])('%s is no pattern', (pattern) => {
  expect(() => createPathMatcher([pattern])).toThrow(PathPatternError);
});

test('only a "!" pattern can spare what is below a matched folder', () => {
  expect(createPathMatcher(['a']).hasNegation).toBe(false);
  expect(createPathMatcher(['a', '!a/b']).hasNegation).toBe(true);
});

test('a pattern with many stars takes no longer than others', () => {
  const matcher = createPathMatcher([`${'*a'.repeat(200)}b`]);
  expect(matcher.matches('a'.repeat(4000))).toBe(false);
});

test('a path without special characters matches itself and what is below it', () => {
  const name = fc.stringMatching(/^[a-zA-Z0-9_-]{1,8}$/);
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), name, (parts, child) => {
      const matcher = createPathMatcher([parts.join('/')]);
      expect(matcher.matches(parts.join('/'))).toBe(true);
      expect(matcher.matches([...parts, child].join('/'))).toBe(true);
    }),
  );
});

test.each([
  ['# comment\n\na\n', ['a']],
  [' # no comment', ['# no comment']],
  ['\uFEFFa', ['a']],
  ['\uFEFF# comment', []],
  ['a\r\nb\r\n', ['a', 'b']],
  ['/a\n!/b\n! /c', ['a', '!b', '!c']],
  ['a/\n./b\nc/../d\n.', ['a', 'b', 'd', '.']],
  ['!', ['!']],
  ['/', ['/']],
])('%j holds the patterns %j', (content, patterns) => {
  expect(parseDockerignore(content)).toEqual(patterns);
});

test("a Dockerfile's own file of patterns comes before the folder's", () => {
  expect(dockerignoreNames('docker/app.Dockerfile')).toEqual([
    'docker/app.Dockerfile.dockerignore',
    '.dockerignore',
  ]);
});

test.each([
  ['', '.'],
  ['a/./b//c/', 'a/b/c'],
  ['../a/..', '..'],
  ['/../a', '/a'],
  ['/', '/'],
])('the clean form of %j is %s', (path, cleaned) => {
  expect(cleanPath(path)).toBe(cleaned);
});
