import { installNpmFolder } from './npm-folder.ts';
import { installPythonClient } from './python-install.ts';
import { installTl } from './tl-install.ts';

/** Installs the foreign packages before the first test: files that run at the same time share their folders. */
export default async function install(): Promise<void> {
  await installNpmFolder('runtimes');
  await installNpmFolder('blaxel-npm');
  await installTl();
  await installPythonClient();
  await installPythonClient('blaxel-python');
}
