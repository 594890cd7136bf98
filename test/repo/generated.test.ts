import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findOutdated } from '../../scripts/gen/reference.ts';

test('docs/reference says what the code says', () => {
  const outdated = findOutdated(join(import.meta.dirname, '..', '..'));
  expect(outdated.map(({ path }) => path)).toEqual([]);
});
