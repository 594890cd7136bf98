import { expect, test } from 'vitest';
import { formatBytes, formatTime, maskKey, plural } from './format.ts';
import { formatFields, formatTable } from './table.ts';

const rows = [
  ['1', ''],
  ['200', 'b\x1b[2J\nc'],
];

test('columns are aligned for people and separated by tabs for programs', () => {
  expect(formatTable(['ID', 'Name'], rows, true)).toBe('ID   Name\n1\n200  b�[2J�c');
  expect(formatTable(['ID', 'Name'], rows, false)).toBe('ID\tName\n1\t\n200\tb�[2J�c');
});

test('fields that are not given are left out', () => {
  expect(
    formatFields([
      ['ID', 'x'],
      ['Name', undefined],
    ]),
  ).toBe('ID:              x');
});

test('values are written for people', () => {
  expect([0, 1023, 1536, 123_456_789].map(formatBytes)).toEqual(['0 B', '1023 B', '1.5 KB', '117.7 MB']);
  expect(formatTime(1_763_790_000_000)).toBe('2025-11-22 05:40');
  expect([plural(1, 'sandbox', 'sandboxes'), plural(0, 'image')]).toEqual(['1 sandbox', '0 images']);
});

test('a masked key shows at most a third of it', () => {
  expect(maskKey('abcdef')).toBe('ab****');
  expect(maskKey('k'.repeat(90))).toBe(`${'k'.repeat(12)}****`);
});
