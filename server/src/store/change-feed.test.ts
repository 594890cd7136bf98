import { afterEach, beforeEach, expect, test } from 'vitest';
import { createChangeFeed } from './change-feed.ts';
import type { FeedItem, Following } from './change-feed.ts';
import { openDb } from './db.ts';
import type { Db } from './db.ts';

let db: Db;
let ending: AbortController;
beforeEach(() => {
  db = openDb(':memory:');
  ending = new AbortController();
});
afterEach(() => {
  ending.abort();
  db.close();
});

const change = (target: string, workspaceId = 'a'): void =>
  void db.run(`INSERT INTO changes (workspace_id, kind, target) VALUES (?, 'build', ?)`, workspaceId, target);

const open = (options: Partial<Following> = {}) =>
  createChangeFeed(db).follow('a', { idleMs: 5_000, signal: ending.signal, ...options });

/** A reader that has been told from where on it follows. */
async function follow(options: Partial<Following> = {}) {
  const items = open(options);
  expect(await next(items)).toMatchObject({ kind: 'following' });
  return items;
}

const next = async (items: AsyncGenerator<FeedItem>): Promise<FeedItem | undefined> => {
  const { value, done } = await items.next();
  return done ? undefined : value;
};

test('a change is told to who follows its workspace, and to nobody else', async () => {
  const items = await follow({ after: 0 });
  const first = next(items);
  change('theirs', 'b');
  change('mine');
  expect(await first).toEqual({ id: 2, kind: 'build', target: 'mine' });
});

test('what changed several times since the last look is told once, with the last number', async () => {
  for (const target of ['x', 'y', 'x']) change(target);
  const items = await follow({ after: 0 });
  expect(await next(items)).toEqual({ id: 2, kind: 'build', target: 'y' });
  expect(await next(items)).toEqual({ id: 3, kind: 'build', target: 'x' });
});

test('a reader goes on behind the last number that it saw', async () => {
  for (const target of ['x', 'y']) change(target);
  expect(await next(await follow({ after: 1 }))).toEqual({ id: 2, kind: 'build', target: 'y' });
});

test('a change that is made while the reader is busy is not missed', async () => {
  change('x');
  const items = await follow({ after: 0 });
  await next(items);
  change('y');
  expect(await next(items)).toEqual({ id: 2, kind: 'build', target: 'y' });
});

test('a change that is rolled back is never told', async () => {
  const items = await follow({ after: 0, idleMs: 50 });
  const first = next(items);
  expect(() =>
    db.transaction(() => {
      change('x');
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(await first).toEqual({ id: 0, kind: 'idle' });
});

test('who comes back for changes that are no longer known is told so', async () => {
  db.transaction(() => {
    for (let at = 0; at < 10_050; at += 1) change(`t${at}`);
  });
  expect(await next(open({ after: 10 }))).toEqual({ id: 10_050, kind: 'lost' });
  expect(await next(open({ after: 99_999 }))).toEqual({ id: 10_050, kind: 'lost' });
  expect(await next(await follow({ after: 50 }))).toMatchObject({ id: 51, kind: 'build' });
});

test('the end of the signal ends the feed', async () => {
  const items = await follow();
  const first = next(items);
  ending.abort();
  expect(await first).toBeUndefined();
});
