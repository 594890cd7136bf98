import { ApiError } from '@atoll/protocol';
import { expect, test } from 'vitest';
import { describeFailure, formatFailure } from './failure.ts';

test('what ends a server of this process says what to do, too', () => {
  const error = new ApiError('not_found', 'no base images', { hint: 'Run `make setup`.' });
  expect(formatFailure(describeFailure(error, 'run the server'), false)).toBe(
    'Error: failed to run the server: no base images\nHint: Run `make setup`.',
  );
});
