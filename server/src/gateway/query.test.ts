import { expect, test } from 'vitest';
import { withoutParameter } from './query.ts';

test.each([
  ['/a?token=1', '/a'],
  ['/a%2Fb?x=%2F&token=1&y', '/a%2Fb?x=%2F&y'],
  ['/a?%74oken=1&x', '/a?x'],
  ['/a?token&tokens=1', '/a?tokens=1'],
  ['https://host/a?token=1&x=2', 'https://host/a?x=2'],
  ['/token=1', '/token=1'],
  ['/a?x=token', '/a?x=token'],
])('%s without its token is %s', (path, rest) => {
  expect(withoutParameter(path, 'token')).toBe(rest);
});
