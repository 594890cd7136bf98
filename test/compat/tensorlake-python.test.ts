import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../server/src/lib/run.ts';
import { expectTable } from '../fixtures/client-table.ts';
import type { Offered } from '../fixtures/client-table.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { installPythonClient } from './python-install.ts';

const python = await installPythonClient();
const sourceDir = join(import.meta.dirname, 'tensorlake-python');
const TESTS_TIMEOUT_MS = 120_000;

/** The public members of each class that is no record and no error. */
const listCalls = `
import inspect, json, tensorlake.sandbox as client
kinds = ('Sandbox', 'SandboxClient', 'Desktop', 'Pty', 'TcpTunnel')
print(json.dumps({
    name: [member for member in dir(kind) if not member.startswith('_')]
    for name, kind in vars(client).items()
    if inspect.isclass(kind) and name.endswith(kinds)
}))`;

describeOnEachDriver('PyPI tensorlake', (server, driver) => {
  test('the page of published clients names each call, and where it is tried', async () => {
    const { stdout } = await run([python, '-c', listCalls], { timeoutMs: TESTS_TIMEOUT_MS });
    const offered = JSON.parse(stdout) as Offered; // as printed below
    expectTable('PyPI tensorlake 0.5.163', offered, (text, call) => new RegExp(`\\.${call}\\b`).test(text));
  });

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
