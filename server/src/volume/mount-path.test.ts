import { expect, test } from 'vitest';
import { checkMountPath, checkMountPaths } from './mount-path.ts';

test.each(['/data', '/mnt/skills', '/home/user/.cache', '/var/lib/app', '/workspace', '/a b/ü'])(
  '%s can be a mount path',
  (path) => expect(() => checkMountPath(path)).not.toThrow(),
);

test.each([
  '',
  'data',
  './data',
  '/',
  '//',
  '/data/',
  '/a/../b',
  '/a/./b',
  '/proc',
  '/sys/x',
  '/dev/shm',
  '/.atoll/x',
])('%s cannot be a mount path', (path) => expect(() => checkMountPath(path)).toThrow(/mount_path/));

test.each(['/etc', '/usr', '/tmp', '/a\nb', '/a\0b', '/a:b', '/a,b', '/a\\b', `/${'x'.repeat(1100)}`])(
  '%j cannot be one either',
  (path) => expect(() => checkMountPath(path)).toThrow(/mount_path/),
);

test('no mount path hides another', () => {
  expect(() => checkMountPaths(['/a', '/ab', '/b/a'])).not.toThrow();
  expect(() => checkMountPaths(['/a', '/a'])).toThrow(/twice/);
  expect(() => checkMountPaths(['/a/b', '/a'])).toThrow('/a hides /a/b');
  expect(() => checkMountPaths(Array.from({ length: 17 }, (_, at) => `/m${at}`))).toThrow(/at most 16/);
});
