import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../server/src/lib/run.ts';

const INSTALL_TIMEOUT_MS = 300_000;
const TIMEOUT_MS = 60_000;

/**
 * Installs the packages that a folder beside this file locks, into a folder of their own that later runs find again.
 * Answers that folder. The whole folder appears by a rename, so an equal lockfile in it means that it is complete.
 */
export async function installNpmFolder(name: string): Promise<string> {
  const manifestDir = join(import.meta.dirname, name);
  const dir = join(import.meta.dirname, '..', '..', '.compat', name);
  if (!(await isInstalled(manifestDir, dir))) await install(manifestDir, dir);
  return dir;
}

async function isInstalled(manifestDir: string, dir: string): Promise<boolean> {
  const lockOf = (folder: string) =>
    readFile(join(folder, 'package-lock.json'), 'utf8').catch(() => undefined);
  const [wanted, installed] = await Promise.all([manifestDir, dir].map(lockOf));
  return wanted === installed;
}

async function install(manifestDir: string, dir: string): Promise<void> {
  const staging = `${dir}.new`;
  for (const folder of [dir, staging]) await rm(folder, { recursive: true, force: true });
  await mkdir(staging, { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) {
    await copyFile(join(manifestDir, file), join(staging, file));
  }
  const argv = ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  await run(argv, { cwd: staging, timeoutMs: INSTALL_TIMEOUT_MS });
  await run(['mv', staging, dir], { timeoutMs: TIMEOUT_MS });
}
