import { expect, test } from 'vitest';
import { terminalKey, withoutTerminalKey } from './terminal-key.ts';

const prefix = '/default/sandboxes/one';

test.each([
  ['/terminal?token=key', 'key'],
  ['/terminal/ws?cols=80&token=key', 'key'],
  ['/terminal', undefined],
  ['/process?token=key', undefined],
  ['/terminal/ws/../process?token=key', undefined],
])('the key in %s is %s', (path, key) => {
  expect(terminalKey({ url: `${prefix}${path}` }, prefix)).toBe(key);
});

test('the key does not go on to the sandbox', () => {
  expect(withoutTerminalKey('/blaxel/terminal/ws?a=%2F&token=key&b=1', '/blaxel')).toBe(
    '/blaxel/terminal/ws?a=%2F&b=1',
  );
  expect(withoutTerminalKey('/blaxel/terminal?token=key', '/blaxel')).toBe('/blaxel/terminal');
  expect(withoutTerminalKey('/blaxel/filesystem/a?token=1', '/blaxel')).toBe('/blaxel/filesystem/a?token=1');
});
