import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build } from '../fixtures/build.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { standInBaseImages } from './blaxel-guide/base-image.ts';
import { readGuide } from './blaxel-guide/blocks.ts';
import type { Guide, StandIns } from './blaxel-guide/blocks.ts';
import { testProgram } from './blaxel-guide/program.ts';
import { testShareBlocks } from './blaxel-guide/share.ts';
import { testUploadBlocks } from './blaxel-guide/upload.ts';
import { openWorkbench, TIMEOUT_MS } from './blaxel-guide/workbench.ts';
import type { Workbench } from './blaxel-guide/workbench.ts';
import { call } from './blaxel/calls.ts';

const guideDir = join(import.meta.dirname, 'blaxel-guide');
const isLong = process.env['ATOLL_TEST_LONG'] === '1';

/** What tests have too little memory for, block by block; each stand-in has the same place. */
const memoryStandIns: Record<number, StandIns> = {
  10: [['memory: 4096', 'memory: 512']],
  11: [['memory=4096', 'memory=512']],
  44: [['memory: 8192', 'memory: 512']],
  45: [['memory=8192', 'memory=512']],
  50: [
    ['memory: 16384', 'memory: 512'],
    ['memory: 4096', 'memory: 512'],
  ],
  51: [
    ['memory=16384', 'memory=512'],
    ['memory=4096', 'memory=512'],
  ],
  52: [['memory: 8192', 'memory: 512']],
  53: [['memory=8192', 'memory=512']],
};
/** Whole programs, which run by themselves. */
const programs = [53, 62, 63, 67, 68, 74, 75];

describeOnEachDriver('the guide to images of the hosted service', (server) => {
  let guide: Guide;
  let bench: Workbench;

  beforeAll(async () => {
    guide = await readGuide();
    bench = await openWorkbench(server);
    await standInBaseImages(server(), join(bench.dir, 'base'));
  });
  afterAll(async () => bench?.close());

  const remove = (name: string) => call(server(), 'DELETE', `/v0/sandboxes/${name}`);
  const take = (number: number): string => guide.take(number, memoryStandIns[number]);
  /** Makes a sandbox of the first image, as the guide has it in the end. */
  const customImage = (number: number, key: 'memory: ' | '"memory": '): string =>
    guide.take(number, [
      ['IMAGE_ID', 'sandbox/my-sandbox:latest'],
      [`${key}4096`, `${key}512`],
    ]);
  const expectCustomSandbox = async (): Promise<void> => {
    const path = '/v0/sandboxes/my-sandbox-from-template';
    const { body } = await call(server(), 'GET', path);
    const ports = [{ target: 3000 }, { target: 8888 }];
    expect(body).toMatchObject({ status: 'DEPLOYED', spec: { runtime: { ports } } });
    await remove('my-sandbox-from-template');
  };

  test('the first image is built in Python, and its sandbox used', { timeout: TIMEOUT_MS }, async () => {
    await bench.runBlocks('python', [take(11), customImage(75, '"memory": ')]);
    await expectCustomSandbox();
    const used = await bench.runPython(join(guideDir, 'use_sandbox.py'), { SANDBOX_NAME: 'my-sandbox' });
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

  test.runIf(isLong)('the first image is built in TypeScript', { timeout: TIMEOUT_MS }, async () => {
    await bench.runBlocks('typescript', [take(10), customImage(74, 'memory: ')]);
    await expectCustomSandbox();
    await remove('my-sandbox');
  });

  describe.runIf(isLong)('all of it', { timeout: TIMEOUT_MS }, () => {
    test('the example in Python runs', async () => {
      await writeFile(join(bench.dir, 'example.py'), take(53));
      expect(await bench.runPython('example.py')).toContain('Sandbox deployed: python-dev');
      await remove('python-dev');
    });

    test.each(['python', 'typescript'] as const)(
      'every block in %s runs, and every image is built',
      async (language) => {
        const numbers = guide.numbersOf(language).filter((number) => !programs.includes(number));
        const folders = await bench.runBlocks(language, numbers.map(take));
        expect(folders.length).toBeGreaterThan(20);
        for (const [number, folder] of folders.entries()) {
          const built = await build(server(), { name: `image-${number}` }, folder);
          expect([folder, built.build.failure]).toEqual([folder, undefined]);
        }
        for (const name of ['my-sandbox', 'ml-sandbox', 'web-sandbox', 'node-dev']) await remove(name);
      },
    );

    testProgram(
      server,
      () => bench,
      () => guide,
    );
    testUploadBlocks(
      server,
      () => bench,
      () => guide,
    );
    testShareBlocks(
      server,
      () => bench,
      () => guide,
    );

    test('no block is left', () => {
      expect(guide.untried()).toEqual([]);
    });
  });
});
