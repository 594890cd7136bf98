import { expect, test } from 'vitest';
import { hideValues } from './hide-values.ts';

test('a value is hidden wherever it is, also twice', () => {
  expect(hideValues(['sk-12345'])('KEY=sk-12345, again sk-12345')).toBe('KEY=***, again ***');
});

test('each line of a value of several is hidden, because output comes line by line', () => {
  const hide = hideValues(['-----BEGIN-----\nabcdef0123\n-----END-----\n']);
  expect(['-----BEGIN-----', 'abcdef0123', 'other'].map(hide)).toEqual(['***', '***', 'other']);
});

test('a value within another leaves nothing of the longer one', () => {
  expect(hideValues(['secret', 'secret-and-more'])('secret-and-more')).toBe('***');
});

test('values that are found everywhere are left alone', () => {
  expect(hideValues(['', 'on', '1'])('1 line on')).toBe('1 line on');
});
