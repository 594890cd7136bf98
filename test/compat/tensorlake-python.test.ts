import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../server/src/lib/run.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { installPythonClient } from './python-install.ts';

const python = await installPythonClient();
const sourceDir = join(import.meta.dirname, 'tensorlake-python');
const TESTS_TIMEOUT_MS = 120_000;

describeOnEachDriver('PyPI tensorlake', (server, driver) => {
  test('every test of the Python suite passes', { timeout: TESTS_TIMEOUT_MS }, async () => {
    const { stderr } = await run([python, '-W', 'ignore::DeprecationWarning', 'test_tensorlake.py'], {
      cwd: sourceDir,
      timeoutMs: TESTS_TIMEOUT_MS,
      env: {
        TENSORLAKE_API_URL: server().url,
        TENSORLAKE_API_KEY: server().apiKey,
        PYTHONDONTWRITEBYTECODE: '1',
        ...(driver === 'gvisor' && { ATOLL_TEST_MEMORY: '1' }),
      },
    });
    expect(stderr).toMatch(/^OK( \(skipped=\d+\))?$/m);
  });
});
