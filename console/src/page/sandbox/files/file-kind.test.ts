import { expect, test } from 'vitest';
import { decodeText, imageTypeOf, parseCsv } from './file-kind.ts';

test('quoted fields hold commas, line ends and quotes', () => {
  expect(parseCsv('a,b\n"x, ""y""\nz",2\r\n', 10)).toEqual([
    ['a', 'b'],
    ['x, "y"\nz', '2'],
  ]);
});

test('no more rows are read than are shown', () => {
  expect(parseCsv('1\n2\n3\n', 2)).toEqual([['1'], ['2']]);
});

test('empty fields count', () => {
  expect(parseCsv(',\n', 10)).toEqual([['', '']]);
});

test('bytes that are no text are none', () => {
  expect(decodeText(new Uint8Array([0x61, 0x00]))).toBeUndefined();
  expect(decodeText(new Uint8Array([0xff, 0xfe]))).toBeUndefined();
  expect(decodeText(new TextEncoder().encode('grün'))).toBe('grün');
});

test('pictures are known by their extension', () => {
  expect(imageTypeOf('/a/b.PNG')).toBe('image/png');
  expect(imageTypeOf('/a/png')).toBeUndefined();
});
