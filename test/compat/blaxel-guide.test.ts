import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../server/src/lib/run.ts';
import { build } from '../fixtures/build.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { standInBaseImages } from './blaxel-guide/base-image.ts';
import { readBlocks, replaceAll } from './blaxel-guide/blocks.ts';
import { installPythonClient } from './python-install.ts';

const python = await installPythonClient('blaxel-python');
const guideDir = join(import.meta.dirname, 'blaxel-guide');
const runner = join(guideDir, 'run_guide.py');
const isLong = process.env['ATOLL_TEST_LONG'] === '1';
const TIMEOUT_MS = 300_000;

describeOnEachDriver('PyPI blaxel 0.4.24 and the guide to images', (server) => {
  let dir: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'atoll-blaxel-guide-'));
    await standInBaseImages(server(), join(dir, 'base'));
    await mkdir(join(dir, 'src'));
    for (const file of ['config.json', 'package.json', 'src/a.json'])
      await writeFile(join(dir, file), '{}\n');
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  const runPython = async (args: string[], env: Record<string, string> = {}): Promise<string> => {
    const variables = {
      BL_API_URL: `${server().url}/v0`,
      BL_RUN_URL: server().url,
      BL_API_KEY: server().apiKey,
      BL_WORKSPACE: 'default',
      DO_NOT_TRACK: '1',
      PYTHONDONTWRITEBYTECODE: '1',
      ...env,
    };
    const options = { cwd: dir, timeoutMs: TIMEOUT_MS, env: variables };
    return (await run([python, runner, ...args], options)).stdout;
  };
  /** Answers the folders of the images that the blocks name, ready to be built. */
  const runBlocks = async (blocks: string[]): Promise<string[]> => {
    const list = join(dir, 'blocks.json');
    await writeFile(list, JSON.stringify(blocks));
    const stdout = await runPython([list, join(dir, 'images')]);
    const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => (JSON.parse(line) as { folder: string }).folder); // by the runner
  };

  test('the first image of the guide is built, and its sandbox used', { timeout: TIMEOUT_MS }, async () => {
    const [first] = await readBlocks('python');
    await runBlocks([replaceAll(first?.text ?? '', [['memory=4096', 'memory=512']])]);
    const used = await runPython(['--script', join(guideDir, 'use_sandbox.py')], {
      SANDBOX_NAME: 'my-sandbox',
    });
    expect(used.split('\n')).toEqual([
      'apt-get update',
      expect.stringMatching(/^apt-get install .*git curl$/),
      expect.stringMatching(/^pip install .*requests httpx pydantic$/),
      '1',
      '/app',
      'by Python',
      expect.stringContaining("'written'"),
      'True',
      '',
    ]);
  });

  test.skipIf(!isLong)('every image of the guide is built', { timeout: TIMEOUT_MS }, async () => {
    const texts = (await readBlocks('python')).map(({ text }) => text);
    const folders = await runBlocks(
      texts.filter((text) => /from_registry/.test(text) && !/await/.test(text)),
    );
    expect(folders.length).toBeGreaterThan(20);
    for (const [number, folder] of folders.entries()) {
      for (const name of ['package.json', 'src'])
        await cp(join(dir, name), join(folder, name), { recursive: true });
      const built = await build(server(), { name: `image-${number}` }, folder);
      expect([folder, built.build.failure]).toEqual([folder, undefined]);
    }
  });
});
