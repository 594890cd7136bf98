import { expect, test } from 'vitest';
import { checkHost, checkLimits, defaultAdmission, usualLimits } from './admission.ts';
import { checkName } from './name.ts';

test('what is not asked for is the usual size', () => {
  expect(checkLimits({}, defaultAdmission)).toEqual(usualLimits);
  expect(checkLimits({ cpus: 4 }, defaultAdmission)).toEqual({ ...usualLimits, cpus: 4 });
});

test.each([
  { cpus: 0 },
  { cpus: -1 },
  { cpus: Number.NaN },
  { memoryMb: 0 },
  { memoryMb: 63 },
  { memoryMb: -5 },
  { diskMb: 0 },
])('%j is no size for a sandbox', (asked) => {
  expect(() => checkLimits(asked, defaultAdmission)).toThrow(
    expect.objectContaining({ code: 'invalid_resources', status: 400 }),
  );
});

test.each([{ cpus: 1e9 }, { memoryMb: 1e12 }, { diskMb: 1e12 }])(
  '%j is above what the server allows',
  (asked) => {
    expect(() => checkLimits(asked, defaultAdmission)).toThrow(
      expect.objectContaining({ code: 'limit_exceeded' }),
    );
  },
);

test('a host that is short refuses', () => {
  const memory = { ...defaultAdmission, reservedMemoryMb: Number.MAX_SAFE_INTEGER };
  const disk = { ...defaultAdmission, reservedMemoryMb: 0, reservedDiskMb: Number.MAX_SAFE_INTEGER };
  expect(() => checkHost('/', memory)).toThrow(
    expect.objectContaining({ code: 'host_out_of_memory', status: 503 }),
  );
  expect(() => checkHost('/', disk)).toThrow(
    expect.objectContaining({ code: 'host_out_of_disk', status: 503 }),
  );
});

test.each(['a', 'my-env', 'a1', 'a'.repeat(63)])('%s may name a sandbox', (name) => {
  expect(() => checkName(name)).not.toThrow();
});

test.each(['', 'A', '1a', 'a-', '-a', 'a_b', 'a b', 'a'.repeat(64), 'a'.repeat(21), 'ä', 'a\n', '../a'])(
  '%j may not',
  (name) => {
    expect(() => checkName(name)).toThrow(expect.objectContaining({ code: 'invalid_name' }));
  },
);
