import { expect, test } from 'vitest';
import { createAccessWatch } from './access-watch.ts';

/** A watch over one right, which a test takes away. */
function openWatch() {
  const right = { isGiven: true, endsAt: Infinity };
  let now = 0;
  let tell = (): void => {};
  const watch = createAccessWatch({
    clock: { now: () => now },
    onAccessChange: (listen) => (tell = listen),
  });
  const admit = () => {
    if (!right.isGiven || right.endsAt <= now) throw new Error('no');
    return { endsAt: right.endsAt };
  };
  return {
    right,
    watch,
    enter: () => {
      const cut = Promise.withResolvers<string>();
      const { leave } = watch.enter(admit, () => cut.resolve('cut'));
      return { cut: cut.promise, leave };
    },
    change: () => tell(),
    advance: (ms: number) => (now += ms),
  };
}

const stays = Promise.resolve('stays');

test('who is not let in is not watched', () => {
  const { right, enter } = openWatch();
  right.isGiven = false;
  expect(enter).toThrow('no');
});

test('who is in is cut off when his right is taken away, and nobody else', async () => {
  const { right, watch, enter, change } = openWatch();
  const first = enter();
  const other = Promise.withResolvers<string>();
  watch.enter(
    () => ({}),
    () => other.resolve('cut'),
  );
  change();
  expect(await Promise.race([first.cut, stays])).toBe('stays');
  right.isGiven = false;
  change();
  expect(await first.cut).toBe('cut');
  expect(await Promise.race([other.promise, stays])).toBe('stays');
});

test('who has left is not cut off', async () => {
  const { right, enter, change } = openWatch();
  const { cut, leave } = enter();
  leave();
  right.isGiven = false;
  change();
  expect(await Promise.race([cut, stays])).toBe('stays');
});

test('who is in is cut off when his right ends by itself, and not if it was prolonged meanwhile', async () => {
  const { right, enter, advance } = openWatch();
  right.endsAt = 20;
  const { cut } = enter();
  right.endsAt = 40;
  advance(30);
  const later = enter();
  advance(20);
  expect(await Promise.all([cut, later.cut])).toEqual(['cut', 'cut']);
});
