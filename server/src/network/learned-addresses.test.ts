import { expect, test } from 'vitest';
import { createLearnedAddresses } from './learned-addresses.ts';

const later = (seconds: number): number => Date.now() + seconds * 1000;

test('an address is written down once, and anew when it would end too early', () => {
  const learned = createLearnedAddresses();
  expect(learned.learn('a', ['1.1.1.1', '2.2.2.2'], later(200))).toEqual(['1.1.1.1', '2.2.2.2']);
  expect(learned.learn('a', ['1.1.1.1'], later(220))).toEqual([]);
  expect(learned.learn('a', ['1.1.1.1'], later(900))).toEqual(['1.1.1.1']);
});

test('an address counts as long as one of its names does', () => {
  const learned = createLearnedAddresses();
  learned.learn('a', ['1.1.1.1'], later(200));
  learned.learn('b', ['1.1.1.1', '2.2.2.2'], later(200));
  const kept = learned.restrict((name) => name === 'a', Date.now(), Date.now());
  expect(kept.current(Date.now()).map(({ address }) => address)).toEqual(['1.1.1.1']);
  expect(learned.current(Date.now())).toHaveLength(2);
});

test('what has expired is remembered for connections that go on, and holds again for a while', () => {
  const learned = createLearnedAddresses();
  learned.learn('a', ['1.1.1.1'], later(-60));
  learned.learn('a', ['2.2.2.2'], later(-30 * 3_600));
  expect(learned.current(Date.now())).toEqual([]);
  const untilMs = later(3_600);
  expect(learned.restrict(() => true, Date.now(), untilMs).current(Date.now())).toEqual([
    { address: '1.1.1.1', untilMs },
  ]);
});

test('there is room for a bounded number; what has expired makes room', () => {
  const learned = createLearnedAddresses();
  const many = Array.from({ length: 1_024 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  expect(learned.learn('a', many.slice(0, 24), later(-1))).toHaveLength(24);
  expect(learned.learn('a', many.slice(24), later(60))).toHaveLength(1_000);
  expect(learned.learn('a', ['1.1.1.1'], later(60))).toEqual(['1.1.1.1']);
  const more = Array.from({ length: 24 }, (_, index) => `11.0.0.${index}`);
  expect(learned.learn('a', more, later(60))).toBeUndefined();
});
