import { expect, test } from 'vitest';
import { parseByteSize } from './byte-size.ts';
import { parseDurationMs } from './duration.ts';
import { parseGitReference } from './git-reference.ts';
import { isImageReference } from './image-reference.ts';
import { nearestWord } from './nearest-word.ts';
import { formatPlatform, parsePlatform } from './platform.ts';
import { isSignal } from './signal.ts';

test.each([
  ['0', 0],
  ['30s', 30_000],
  ['1h2m3s', 3_723_000],
  ['1.5s', 1500],
  ['250ms', 250],
  ['1', undefined],
  ['s', undefined],
  ['-1s', undefined],
  ['1s ', undefined],
])('the duration %j is %s ms', (text, expected) => {
  expect(parseDurationMs(text)).toBe(expected);
});

test.each([
  ['1024', 1024],
  ['64m', 64 * 1024 ** 2],
  ['1.5GiB', 1.5 * 1024 ** 3],
  ['1kb', 1024],
  ['', undefined],
  ['m', undefined],
  ['1x', undefined],
  ['999999999999t', undefined],
])('the size %j is %s bytes', (text, expected) => {
  expect(parseByteSize(text)).toBe(expected);
});

const amd64 = { os: 'linux', architecture: 'amd64' };

test.each([
  ['linux/amd64', 'linux/amd64'],
  ['linux/x86_64', 'linux/amd64'],
  ['Linux/AArch64', 'linux/arm64'],
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/arm/v6', 'linux/arm/v6'],
  ['linux/arm/7', 'linux/arm/v7'],
  ['linux/armhf', 'linux/arm/v7'],
  ['arm64', 'linux/arm64'],
  ['linux', 'linux/amd64'],
  ['windows/amd64', 'windows/amd64'],
])('the platform %s is %s', (text, expected) => {
  const platform = parsePlatform(text, amd64);
  expect(platform && formatPlatform(platform)).toBe(expected);
});

test.each([
  '',
  '/',
  'linux/',
  'linux/z80',
  'plan9/amd64',
  'linux/arm/v7/x',
  'linux/arm/seven',
  'constructor',
])('%j is no platform', (text) => {
  expect(parsePlatform(text, amd64)).toBeUndefined();
});

test.each([
  'debian',
  'debian:13',
  'a/b/c',
  'localhost:5000/x',
  'Example.COM/x:Tag',
  '[::1]:5000/x',
  'a__b/c-d.e',
])('%s is an image reference', (text) => {
  expect(isImageReference(text)).toBe(true);
});

test.each([
  '',
  'Debian',
  'a//b',
  '-a',
  'a:',
  'a:b:c',
  'a@sha256:12',
  'a b',
  '../a',
  'a/Bad',
  `${'a'.repeat(600)}`,
])('%j is no image reference', (text) => {
  expect(isImageReference(text)).toBe(false);
});

test.each([
  ['SIGTERM', true],
  ['term', true],
  ['9', true],
  ['SIGRTMIN+3', true],
  ['0', false],
  ['65', false],
  ['SIGRTMIN+99', false],
  ['NOPE', false],
])('%s is a signal: %s', (text, expected) => {
  expect(isSignal(text)).toBe(expected);
});

test.each([
  ['https://github.com/o/r.git', { remote: 'https://github.com/o/r.git' }],
  ['https://github.com/o/r.git#main', { remote: 'https://github.com/o/r.git', ref: 'main' }],
  ['https://github.com/o/r.git#:docs', { remote: 'https://github.com/o/r.git', subdirectory: 'docs' }],
  ['git@host:o/r.git#v1:a/b', { remote: 'git@host:o/r.git', ref: 'v1', subdirectory: 'a/b' }],
  ['git://host/r', { remote: 'git://host/r' }],
])('%s is a repository', (text, expected) => {
  expect(parseGitReference(text)).toEqual({ kind: 'git', takesSubmodules: true, ...expected });
});

test.each(['https://example.com/x.tgz', 'dir/x.git', 'user@host', './a:b'])('%s is no repository', (text) => {
  expect(parseGitReference(text)).toBeUndefined();
});

test.each([
  ['RNU', 'RUN'],
  ['COPPY', 'COPY'],
  ['entrypiont', 'ENTRYPOINT'],
  ['apt-get', undefined],
  ['x'.repeat(1000), undefined],
])('the word nearest to %s is %s', (word, expected) => {
  expect(nearestWord(word, ['RUN', 'COPY', 'ENTRYPOINT'])).toBe(expected);
});
