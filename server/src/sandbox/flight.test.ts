import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createFlights } from './flight.ts';

test('an operation begins when the one before it has returned', async () => {
  const flights = createFlights();
  const order: string[] = [];
  const first = flights.begin('a', 'suspend', async () => {
    await sleep(20);
    order.push('first');
  });
  const second = flights.begin('a', 'resume', async () => void order.push('second'));
  await Promise.all([first, second]);
  expect(order).toEqual(['first', 'second']);
  expect(flights.isUnderWay('a')).toBe(false);
});

test('who takes over aborts what is under way and waits for it', async () => {
  const flights = createFlights();
  const order: string[] = [];
  const cut = flights.begin('a', 'create', async (signal) => {
    await sleep(5_000, undefined, { signal }).catch(() => order.push('cut'));
  });
  await flights.takeOver('a', 'terminate', new Error('over'), async () => void order.push('over'));
  await cut;
  expect(order).toEqual(['cut', 'over']);
});

test('a second caller joins the operation that it asks for, and no other', async () => {
  const flights = createFlights();
  const result = flights.begin('a', 'resume', async () => 7);
  expect(flights.join('a', 'suspend')).toBeUndefined();
  expect(await flights.join('a', 'resume')).toBe(7);
  expect(await result).toBe(7);
});
