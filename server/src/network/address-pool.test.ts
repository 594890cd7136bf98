import { expect, test } from 'vitest';
import { createAddressPool } from './address-pool.ts';
import { parseIpv4 } from '../lib/ipv4.ts';

const range = { first: parseIpv4('10.64.0.0') ?? 0, prefixLength: 18 };
const address = (text: string): number => parseIpv4(text) ?? 0;

function createPool(maxSlots = 4095): { pool: ReturnType<typeof createAddressPool>; clock: { ms: number } } {
  const clock = { ms: 0 };
  return { pool: createAddressPool({ range, maxSlots, restMs: 1_000, now: () => clock.ms }), clock };
}

test('each slot has a /30 of its own, and the first one is the resolver’s', () => {
  const { pool } = createPool();
  expect(pool.resolver).toBe('10.64.0.1');
  expect(pool.take('aaaaaaaa')).toEqual({ gateway: '10.64.0.5', sandbox: '10.64.0.6' });
  expect(pool.take('bbbbbbbb')).toEqual({ gateway: '10.64.0.9', sandbox: '10.64.0.10' });
  expect(pool.take('aaaaaaaa')).toEqual({ gateway: '10.64.0.5', sandbox: '10.64.0.6' });
});

test('the range holds 4095 slots', () => {
  const { pool } = createPool(10_000);
  const taken = Array.from({ length: 4095 }, (_, index) => pool.take(`slot${index}`)?.sandbox);
  expect(new Set(taken).size).toBe(4095);
  expect(taken.at(-1)).toBe('10.64.63.254');
  expect(pool.take('onemore0')).toBeUndefined();
});

test('an address that was given back rests', () => {
  const { pool, clock } = createPool(1);
  pool.take('aaaaaaaa');
  pool.give('aaaaaaaa');
  expect(pool.take('bbbbbbbb')).toBeUndefined();
  clock.ms = 1_000;
  expect(pool.take('bbbbbbbb')?.sandbox).toBe('10.64.0.6');
});

test('a claimed address is taken, and belongs to one slot', () => {
  const { pool } = createPool();
  expect(pool.claim('aaaaaaaa', address('10.64.0.6'))).toBe(true);
  expect(pool.claim('aaaaaaaa', address('10.64.0.6'))).toBe(true);
  expect(pool.claim('bbbbbbbb', address('10.64.0.6'))).toBe(false);
  expect(pool.claim('bbbbbbbb', address('10.65.0.6'))).toBe(false);
  expect(pool.take('bbbbbbbb')?.sandbox).toBe('10.64.0.10');
});

test('giving back twice, or what was never taken, changes nothing', () => {
  const { pool } = createPool();
  pool.take('aaaaaaaa');
  pool.give('aaaaaaaa');
  pool.give('aaaaaaaa');
  pool.give('unknown0');
  expect(pool.of('aaaaaaaa')).toBeUndefined();
});
