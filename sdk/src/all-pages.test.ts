import { expect, test } from 'vitest';
import { allPages } from './all-pages.ts';

test('pages are asked for one after the other until one has no successor', async () => {
  const pages: Record<string, { items: number[]; nextCursor?: string }> = {
    first: { items: [1, 2], nextCursor: 'second' },
    second: { items: [], nextCursor: 'third' },
    third: { items: [3] },
  };
  const asked: (string | undefined)[] = [];
  const load = async (cursor?: string) => {
    asked.push(cursor);
    return pages[cursor ?? 'first'] ?? { items: [] };
  };
  expect(await allPages(load, ({ items }) => items)).toEqual([1, 2, 3]);
  expect(asked).toEqual([undefined, 'second', 'third']);
});
