import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { run } from '../../server/src/lib/run.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';

const sourceDir = join(import.meta.dirname, 'tensorlake-python');
const venv = join(import.meta.dirname, '..', '..', '.compat', 'tensorlake-python');
const python = join(venv, 'bin', 'python');
const INSTALL_TIMEOUT_MS = 300_000;
const TESTS_TIMEOUT_MS = 120_000;

beforeAll(installClient, INSTALL_TIMEOUT_MS);

/** Makes the environment with the pinned client, unless it is there; the list of packages goes in last. */
async function installClient(): Promise<void> {
  const [wanted, installed] = await Promise.all(
    [sourceDir, venv].map((dir) => readFile(join(dir, 'requirements.txt'), 'utf8').catch(() => undefined)),
  );
  if (wanted === installed) return;
  await rm(venv, { recursive: true, force: true });
  await mkdir(join(venv, '..'), { recursive: true });
  await run(['python3', '-m', 'venv', venv], { timeoutMs: INSTALL_TIMEOUT_MS });
  const pip = [
    '-m',
    'pip',
    'install',
    '--no-deps',
    '--no-compile',
    '--only-binary=:all:',
    '--disable-pip-version-check',
  ];
  await run([python, ...pip, '-r', join(sourceDir, 'requirements.txt')], { timeoutMs: INSTALL_TIMEOUT_MS });
  await copyFile(join(sourceDir, 'requirements.txt'), join(venv, 'requirements.txt'));
}

describeOnEachDriver('PyPI tensorlake', (server) => {
  test('every test of the Python suite passes', { timeout: TESTS_TIMEOUT_MS }, async () => {
    const { stderr } = await run([python, '-W', 'ignore::DeprecationWarning', 'test_tensorlake.py'], {
      cwd: sourceDir,
      timeoutMs: TESTS_TIMEOUT_MS,
      env: {
        TENSORLAKE_API_URL: server().url,
        TENSORLAKE_API_KEY: server().apiKey,
        PYTHONDONTWRITEBYTECODE: '1',
      },
    });
    expect(stderr).toMatch(/^OK$/m);
  });
});
