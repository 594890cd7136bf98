import { expect, test } from 'vitest';
import { createSemaphore } from './semaphore.ts';

const full = () => new Error('full');
const never = new AbortController().signal;

test('no more than the limit run at once, in order of arrival', async () => {
  const semaphore = createSemaphore(2, 10, full);
  let running = 0;
  let most = 0;
  const order: number[] = [];
  const work = (index: number) =>
    semaphore.run(never, async () => {
      running += 1;
      most = Math.max(most, running);
      order.push(index);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
    });
  await Promise.all([0, 1, 2, 3, 4].map(work));
  expect(most).toBe(2);
  expect(order).toEqual([0, 1, 2, 3, 4]);
});

test('owners take turns', async () => {
  const semaphore = createSemaphore(1, 10, full);
  const order: string[] = [];
  const work = (owner: string) => semaphore.run(never, async () => void order.push(owner), owner);
  await Promise.all(['a', 'a', 'a', 'a', 'b', 'b', 'c'].map(work));
  expect(order).toEqual(['a', 'a', 'b', 'c', 'a', 'b', 'a']);
});

test('an owner whose work gave up has no turn', async () => {
  const semaphore = createSemaphore(1, 10, full);
  const gate = Promise.withResolvers<void>();
  const first = semaphore.run(never, () => gate.promise, 'a');
  const impatient = new AbortController();
  const gone = semaphore.run(impatient.signal, async () => {}, 'b');
  const last = semaphore.run(never, async () => 'last', 'c');
  impatient.abort(new Error('gone'));
  await expect(gone).rejects.toThrow('gone');
  expect(semaphore.waiting).toBe(1);
  gate.resolve();
  await first;
  expect(await last).toBe('last');
});

test('what exceeds the waiting room is refused', async () => {
  const semaphore = createSemaphore(1, 1, full);
  const gate = Promise.withResolvers<void>();
  const first = semaphore.run(never, () => gate.promise);
  const second = semaphore.run(never, async () => {});
  await expect(semaphore.run(never, async () => {})).rejects.toThrow('full');
  gate.resolve();
  await Promise.all([first, second]);
});

test('who gives up waiting leaves its place to the next', async () => {
  const semaphore = createSemaphore(1, 5, full);
  const gate = Promise.withResolvers<void>();
  const first = semaphore.run(never, () => gate.promise);
  const leaving = new AbortController();
  const second = semaphore.run(leaving.signal, async () => 'second');
  const third = semaphore.run(never, async () => 'third');
  leaving.abort(new Error('gone'));
  await expect(second).rejects.toThrow('gone');
  gate.resolve();
  await first;
  await expect(third).resolves.toBe('third');
  expect(semaphore.waiting).toBe(0);
});

test('work that fails gives its place back', async () => {
  const semaphore = createSemaphore(1, 5, full);
  await expect(semaphore.run(never, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(semaphore.run(never, async () => 'yes')).resolves.toBe('yes');
});

test('an owner who has all that one may have waits, and the places that are left are for others', async () => {
  const semaphore = createSemaphore(3, 10, full, 2);
  const gate = Promise.withResolvers<void>();
  const began: string[] = [];
  const work = (owner: string) =>
    semaphore.run(
      never,
      () => {
        began.push(owner);
        return gate.promise;
      },
      owner,
    );
  const all = ['a', 'a', 'a', 'a', 'b', 'b'].map(work);
  await new Promise((resolve) => setImmediate(resolve));
  expect(began).toEqual(['a', 'a', 'b']);
  gate.resolve();
  await Promise.all(all);
  expect(began.toSorted()).toEqual(['a', 'a', 'a', 'a', 'b', 'b']);
  expect(semaphore.waiting).toBe(0);
});

test('an owner that fills the line keeps no other out of an even share of it', async () => {
  const semaphore = createSemaphore(1, 4, full);
  const signal = new AbortController().signal;
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const order: string[] = [];
  const ask = (owner: string) => semaphore.run(signal, () => gate.then(() => void order.push(owner)), owner);
  const greedy = Array.from({ length: 5 }, () => ask('greedy'));
  await expect(ask('greedy')).rejects.toThrow();
  expect(() => semaphore.requirePlace(3, 'modest')).toThrow();
  semaphore.requirePlace(2, 'modest');
  const modest = [ask('modest'), ask('modest')];
  await expect(ask('modest')).rejects.toThrow();
  open();
  await Promise.all([...greedy, ...modest]);
  expect(order).toEqual(['greedy', 'greedy', 'modest', 'greedy', 'modest', 'greedy', 'greedy']);
});
