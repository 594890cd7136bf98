import { expect, test } from 'vitest';
import type { CacheMount, Mount } from './dockerfile/mount.ts';
import { eachOnce } from './hold-caches.ts';

const cache = (id: string, fields: Partial<CacheMount> = {}): CacheMount => ({
  type: 'cache',
  id,
  target: `/${id}`,
  sharing: 'shared',
  source: '/',
  isReadonly: false,
  mode: 0o755,
  uid: 0,
  gid: 0,
  ...fields,
});

test('caches are taken in one order, whatever the order of the mounts', () => {
  const mounts: Mount[] = [cache('b'), { type: 'tmpfs', target: '/t' }, cache('c'), cache('a')];
  expect(eachOnce(mounts).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
});

test('a cache of several targets is taken once, as the strictest of them asks', () => {
  const from = { kind: 'stage', index: 0 } as const;
  const mounts = [
    cache('a', { mode: 0o700 }),
    cache('a', { sharing: 'locked' }),
    cache('a', { sharing: 'private', from, source: '/s', mode: 0o777 }),
  ];
  expect(eachOnce(mounts)).toEqual([cache('a', { mode: 0o700, sharing: 'locked', from, source: '/s' })]);
});
