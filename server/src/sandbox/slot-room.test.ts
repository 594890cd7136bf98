import { expect, test } from 'vitest';
import { slotRoom } from './slot-room.ts';

const GB = 2 ** 30;

test.each([
  { host: 4 * GB, wanted: 2, ready: 8, why: 'a small host keeps what it always kept' },
  { host: 24 * GB, wanted: 2, ready: 47, why: 'a twentieth of the memory holds them' },
  { host: 512 * GB, wanted: 2, ready: 64, why: 'a large host stops where more do not help' },
  { host: 4 * GB, wanted: 20, ready: 20, why: 'the operator has the last word' },
])('$why', ({ host, wanted, ready }) => {
  expect(slotRoom(wanted, host)).toBe(ready);
});
