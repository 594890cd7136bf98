import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../server/src/lib/run.ts';

const INSTALL_TIMEOUT_MS = 300_000;

/** The Python with the client that a folder beside this file pins. Its environment is made unless it is there; the list of packages goes in last. */
export async function installPythonClient(name = 'tensorlake-python'): Promise<string> {
  const sourceDir = join(import.meta.dirname, name);
  const venv = join(import.meta.dirname, '..', '..', '.compat', name);
  const python = join(venv, 'bin', 'python');
  const [wanted, installed] = await Promise.all(
    [sourceDir, venv].map((dir) => readFile(join(dir, 'requirements.txt'), 'utf8').catch(() => undefined)),
  );
  if (wanted === installed) return python;
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
  return python;
}
