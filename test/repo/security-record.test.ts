import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exhaustionNames } from '../security/exhaustion.ts';
import { attemptNames, readRecord } from '../security/security-record.ts';

const program = readFileSync(join(import.meta.dirname, '../security/attempts/escape.py'), 'utf8');

test.each(['gvisor', 'native'] as const)(
  'the security record of %s has every attempt, with nothing missing and nothing old',
  (driver) => {
    const { attempts = {}, exhaustion = {} } = readRecord()[driver] ?? {};
    expect(Object.keys(attempts)).toEqual(attemptNames(program));
    expect(attemptNames(program).length).toBeGreaterThan(80);
    expect(Object.keys(exhaustion)).toEqual(exhaustionNames);
  },
);
