import { expect, test } from 'vitest';
import { failureOf } from './failure.ts';

test("a full disk of the server is told, and is nobody's internal error", () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  expect(failureOf(full, undefined, false)).toMatchObject({ code: 'host_out_of_disk' });
  expect(failureOf(new Error('else'), undefined, false)).toMatchObject({ code: 'internal' });
});
