import { expect, test } from 'vitest';
import { usualLimits } from './admission.ts';
import { createSlotClasses } from './slot-class.ts';

const sized = (cpus: number) => ({ ...usualLimits, cpus });

function open(minReady: number, maxReady: number) {
  let now = 0;
  let made = 0;
  const classes = createSlotClasses({ usualLimits, minReady, maxReady, now: () => now });
  const ask = (cpus: number) => {
    now += 1;
    const slot = classes.take({ limits: sized(cpus) });
    if (slot === undefined) classes.miss({ limits: sized(cpus) });
    return slot;
  };
  /** Makes what is wanted; answers the sizes. */
  const fill = () => {
    const sizes: number[] = [];
    for (let short = classes.nextShort(); short; short = classes.nextShort()) {
      made += 1;
      classes.put({ id: `slot${made}`, ...short.kind, endpoint: { host: '127.0.0.1', port: 0 } });
      sizes.push(short.kind.limits.cpus);
    }
    return sizes;
  };
  const readySizes = () => classes.ready().map(({ limits }) => limits.cpus);
  return { classes, ask, fill, readySizes, pass: (ms: number) => void (now += ms) };
}

test('a size is kept ready once it was missed twice', () => {
  const { ask, fill } = open(0, 4);
  ask(2);
  expect(fill()).toEqual([]);
  ask(2);
  expect(fill()).toEqual([2]);
  expect(ask(2)).toMatchObject({ id: 'slot1' });
});

test('after a burst as many are kept ready as it asked for', () => {
  const { ask, fill, readySizes } = open(2, 40);
  fill();
  for (let asked = 0; asked < 30; asked += 1) ask(1);
  fill();
  expect(readySizes()).toHaveLength(30);
});

test('other sizes leave the room of the usual one', () => {
  const { ask, fill, readySizes } = open(2, 4);
  fill();
  for (let cpus = 2; cpus < 12; cpus += 1) for (const _ of [1, 2, 3]) ask(cpus);
  fill();
  expect(readySizes().filter((cpus) => cpus !== 1)).toHaveLength(2);
  ask(1);
  ask(1);
  fill();
  expect(readySizes().filter((cpus) => cpus === 1)).toHaveLength(2);
});

test('the size that was asked for longest ago gives way', () => {
  const { ask, fill, readySizes } = open(0, 2);
  for (const cpus of [2, 2, 3, 3]) ask(cpus);
  fill();
  expect(readySizes()).toEqual([2, 3]);
  for (const cpus of [4, 4]) ask(cpus);
  fill();
  expect(readySizes()).toEqual([3, 4]);
});

test('a size that nobody asks for any longer is forgotten', () => {
  const { classes, ask, fill, pass, readySizes } = open(1, 4);
  for (const cpus of [2, 2]) ask(cpus);
  fill();
  pass(5 * 60_000);
  expect(classes.forget().map(({ limits }) => limits.cpus)).toEqual([2]);
  expect(readySizes()).toEqual([1]);
});

test('a slot that is made too late is not taken in', () => {
  const { classes, ask, pass } = open(0, 4);
  for (const cpus of [2, 2]) ask(cpus);
  pass(5 * 60_000);
  classes.forget();
  expect(classes.put({ id: 'late', limits: sized(2), endpoint: { host: '127.0.0.1', port: 0 } })).toBe(false);
});
