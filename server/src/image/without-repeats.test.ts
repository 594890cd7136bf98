import { expect, test } from 'vitest';
import { withoutRepeats } from './without-repeats.ts';

test('of a layer that an image has several times the topmost one counts', () => {
  expect(withoutRepeats(['base', 'a', 'b', 'a', 'c', 'b'])).toEqual(['base', 'a', 'c', 'b']);
});
