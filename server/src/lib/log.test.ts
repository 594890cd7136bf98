import { expect, test } from 'vitest';
import { createLog } from './log.ts';

test('secrets do not reach the log, wherever in an object they are', () => {
  const lines: string[] = [];
  const log = createLog('info', { write: (line) => void lines.push(line) });
  log.info({ token: 'SECRET', request: { authorization: 'SECRET' }, a: { b: { apiKey: 'SECRET' } } }, 'x');
  expect(lines.join('')).not.toContain('SECRET');
  expect(lines.join('')).toContain('[redacted]');
});
