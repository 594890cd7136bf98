import { expect, test } from 'vitest';
import { createKeyedQueue } from './keyed-queue.ts';
import { createSingleFlight } from './single-flight.ts';

const never = new AbortController().signal;

test('calls with one key share one piece of work, calls with another do not', async () => {
  const flights = createSingleFlight<number>();
  let started = 0;
  const work = async (): Promise<number> => ++started;
  const results = ['a', 'a', 'b'].map((key) => flights.join(key, work, never));
  expect(await Promise.all(results)).toEqual([1, 1, 2]);
  expect(await flights.join('a', work, never)).toBe(3);
});

test('a failure reaches all who wait and is forgotten', async () => {
  const flights = createSingleFlight<string>();
  const fail = (): Promise<string> => Promise.reject(new Error('broken'));
  const waiting = [1, 2].map(() => flights.join('a', fail, never));
  expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await flights.join('a', async () => 'fine', never)).toBe('fine');
});

test('one who gives up leaves the work to the others', async () => {
  const flights = createSingleFlight<string>();
  const work = Promise.withResolvers<string>();
  const impatient = new AbortController();
  const left = flights.join('a', () => work.promise, impatient.signal);
  const stayed = flights.join('a', () => work.promise, never);
  impatient.abort(new Error('gave up'));
  await expect(left).rejects.toThrow('gave up');
  work.resolve('done');
  expect(await stayed).toBe('done');
  await flights.settled();
});

test('a queue runs what has one key in order, also after a failure', async () => {
  const inTurn = createKeyedQueue();
  const order: number[] = [];
  const first = Promise.withResolvers<void>();
  const turns = [
    inTurn('a', () => first.promise.then(() => void order.push(1))),
    inTurn('a', () => Promise.reject(new Error('broken'))),
    inTurn('a', async () => void order.push(3)),
    inTurn('b', async () => void order.push(0)),
  ];
  await turns[3];
  first.resolve();
  expect((await Promise.allSettled(turns)).map(({ status }) => status)).toContain('rejected');
  expect(order).toEqual([0, 1, 3]);
});
