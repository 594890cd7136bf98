import { expect, onTestFinished, test } from 'vitest';
import { createRush } from './rush.ts';

const opened = () => {
  const closing = new AbortController();
  onTestFinished(() => closing.abort());
  let overCount = 0;
  const rush = createRush({ settleMs: 5, closing: closing.signal, onOver: () => (overCount += 1) });
  return { rush, closing, overCount: () => overCount };
};

/** A start that ends when it is told to. */
const begin = (rush: ReturnType<typeof createRush>) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { ended: rush.during(() => promise), end: resolve };
};

test('what can wait waits for the last of the starts', async () => {
  const { rush } = opened();
  const [one, two] = [begin(rush), begin(rush)];
  const order: string[] = [];
  const waited = rush.whenOver(60_000).then(() => order.push('waited'));
  one.end();
  await one.ended;
  expect(rush.isOn()).toBe(true);
  order.push('first ended');
  two.end();
  await waited;
  expect(order).toEqual(['first ended', 'waited']);
  expect(rush.isOn()).toBe(false);
});

test('nothing waits longer than it can', async () => {
  const { rush } = opened();
  const { ended, end } = begin(rush);
  await rush.whenOver(10);
  expect(rush.isOn()).toBe(true);
  end();
  await ended;
});

test('a close ends all waiting', async () => {
  const { rush, closing } = opened();
  const { ended, end } = begin(rush);
  const waited = rush.whenOver(60_000);
  closing.abort();
  await waited;
  end();
  await ended;
});

test('a start that fails is over too', async () => {
  const { rush, overCount } = opened();
  await expect(rush.during(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(rush.isOn()).toBe(false);
  await expect.poll(overCount).toBe(1);
});
