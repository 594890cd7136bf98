import { copyFile, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { run } from '../../../server/src/lib/run.ts';
import type { CommandResult } from '../../../server/src/lib/run.ts';
import type { TestServer } from '../../fixtures/server.ts';
import { installNpmFolder } from '../npm-folder.ts';
import { installPythonClient } from '../python-install.ts';

/** How long what a block starts may take. */
export const TIMEOUT_MS = 300_000;

const root = join(import.meta.dirname, '..', '..', '..');
const runnerOf = { python: 'run_guide.py', typescript: 'run_guide.mjs' };

/** A folder in which a reader of the guide works, with the programs that the guide has them install. */
export interface Workbench {
  readonly dir: string;
  /** Runs lines of a shell, in the folder or one below it; fails when the last of them or one before it does. */
  shell(lines: string, options?: { below?: string }): Promise<CommandResult>;
  /** Runs blocks of one language one after the other. Answers the folders of the images that they name, ready to be built. */
  runBlocks(language: 'python' | 'typescript', blocks: readonly string[]): Promise<string[]>;
  /** Runs a program in Python by the published client. */
  runPython(script: string, env?: Record<string, string>): Promise<string>;
  close(): Promise<void>;
}

export async function openWorkbench(server: () => TestServer): Promise<Workbench> {
  const python = await installPythonClient('blaxel-python');
  const npm = await installNpmFolder('blaxel-npm');
  const dir = await mkdtemp(join(tmpdir(), 'atoll-blaxel-guide-'));
  await symlink(join(npm, 'node_modules'), join(dir, 'node_modules'));
  for (const runner of Object.values(runnerOf))
    await copyFile(join(import.meta.dirname, runner), join(dir, runner));
  for (const folder of ['src', 'temp', 'home/.docker']) await mkdir(join(dir, folder), { recursive: true });
  for (const file of ['config.json', 'package.json', 'src/a.json']) await writeFile(join(dir, file), '{}\n');

  /** The published Python client knows its hosts alone: its runner tells it these. */
  const environment = () => ({
    BL_API_URL: `${server().url}/v0`,
    BL_RUN_URL: server().url,
    BL_API_KEY: server().apiKey,
    BL_WORKSPACE: 'default',
    BL_DISABLE_H2: '1',
    DO_NOT_TRACK: '1',
    HOME: join(dir, 'home'),
    PATH: [join(root, 'bin'), process.env['PATH']].join(delimiter),
    PYTHON: python,
    PYTHONDONTWRITEBYTECODE: '1',
    // The published builders leave their folders there.
    TMPDIR: join(dir, 'temp'),
  });
  const start = (argv: string[], cwd = dir, env: Record<string, string> = {}): Promise<CommandResult> =>
    run(argv, { cwd, timeoutMs: TIMEOUT_MS, env: { ...environment(), ...env } });
  const program = { python: [python, runnerOf.python], typescript: [process.execPath, runnerOf.typescript] };

  return {
    dir,
    shell: (lines, { below = '.' } = {}) =>
      start(['bash', '-e', '-o', 'pipefail', '-c', lines], join(dir, below)),
    runBlocks: async (language, blocks) => {
      const list = join(dir, 'blocks.json');
      await writeFile(list, JSON.stringify(blocks));
      const images = await mkdtemp(join(dir, 'images-'));
      const { stdout } = await start([...program[language], list, images]);
      const folders = stdout
        .split('\n')
        .filter((line) => line.startsWith('{"block"'))
        .map((line) => (JSON.parse(line) as { folder: string }).folder); // by the runners
      for (const folder of folders)
        for (const name of ['package.json', 'src'])
          await cp(join(dir, name), join(folder, name), { recursive: true });
      return folders;
    },
    runPython: async (script, env) => (await start([...program.python, '--script', script], dir, env)).stdout,
    close: () => rm(dir, { recursive: true, force: true }),
  };
}
