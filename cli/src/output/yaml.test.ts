import { expect, test } from 'vitest';
import { toYaml } from './yaml.ts';

test('values are written so that they are read as what they were', () => {
  const value = {
    name: 'app',
    'odd key': 'a: b',
    number: 3,
    text: '3',
    yes: 'yes',
    empty: '',
    none: null,
    nothing: undefined,
    list: [],
    object: {},
    tags: [{ name: 'v1', size: 2 }, 'plain', ['x']],
    deep: { er: { est: true } },
  };
  expect(toYaml(value)).toBe(`name: app
"odd key": "a: b"
number: 3
text: "3"
"yes": "yes"
empty: ""
none: null
list: []
object: {}
tags:
  - name: v1
    size: 2
  - plain
  - - x
deep:
  er:
    est: true`);
});
