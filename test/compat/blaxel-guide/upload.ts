import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';
import { call, get } from '../blaxel/calls.ts';
import type { Guide } from './blocks.ts';
import { writeTemplate } from './template.ts';
import type { Workbench } from './workbench.ts';

const HOST = 'https://api.blaxel.ai';

/** The blocks of the guide that upload an archive by requests of their own. */
export function testUploadBlocks(server: () => TestServer, bench: () => Workbench, guide: () => Guide): void {
  const atServer = () => [[HOST, server().url]] as const;
  /** The variables of the guide, with what is to stand there. */
  const exported = (number: number, key: string, workspace: string): string =>
    guide().take(number, [
      [key, server().apiKey],
      [workspace, 'default'],
    ]);
  const remove = (name: string) => call(server(), 'DELETE', `/v0/sandboxes/${name}`);

  test('an archive is sent by curl, and its sandbox followed', async () => {
    const listed = [
      ...guide()
        .take(54)
        .matchAll(/^[├└]── (\S+)/gm),
    ].map(([, name]) => name);
    await writeTemplate(guide(), join(bench().dir, 'mytemplate'));
    const zipped = await bench().shell(guide().take(55));
    for (const name of listed) expect(zipped.stdout).toContain(name);
    const variables = exported(56, 'YOUR_API_KEY', 'YOUR_WORKSPACE_NAME');
    const body = guide().take(57, [...atServer(), ['"memory": 2048', '"memory": 512']]);
    const created = await bench().shell(`${variables}\n${body}`);
    const [header = ''] = /^x-[^:]+/m.exec(guide().take(58)) ?? [];
    const [, url = ''] = new RegExp(`^< ${header}: (\\S+)`, 'im').exec(created.stderr) ?? [];
    expect(url).toMatch(/^http/);
    expect((await get(server(), 'my-sandbox')).status).toBe('UPLOADING');
    const placeholder = 'https://controlplane-prod-build-sources...';
    await bench().shell(guide().take(59, [[placeholder, url]]));
    // There is no terminal for `watch`: the line that it repeats is repeated here.
    const line = guide().take(60, [...atServer(), ['watch -n 1', 'sh -c']]);
    const status = async () => (await bench().shell(`${variables}\n${line}`)).stdout;
    await expect.poll(status, { timeout: 120_000, interval: 500 }).toMatch(/^(DEPLOYED|FAILED)$/m);
    const logs = await call(server(), 'GET', '/v0/sandboxes/my-sandbox/build-logs');
    expect([await status(), logs.body]).toEqual(['DEPLOYED\n', expect.anything()]);
    await remove('my-sandbox');
  });

  const smaller = (text: string): [string, string] => [text, text.replace('2048', '512')];
  // The published Python client knows its hosts alone.
  const python = ['python', '"$PYTHON" run_guide.py --script'] as const;
  test.each([
    [61, 'deploy-sandbox.sh', smaller('"memory": 2048'), 66, []],
    [62, 'index.ts', smaller('memory: 2048'), 67, []],
    [63, 'main.py', smaller('"memory": 2048'), 68, [python]],
  ] as const)('program %i deploys the folder as %s', async (program, file, memory, started, standIns) => {
    const text = guide().take(program, program === 61 ? [...atServer(), memory] : [memory]);
    await writeFile(join(bench().dir, file), text);
    const variables = exported(64, 'YOUR-API-KEY', 'YOUR-WORKSPACE-NAME');
    const lines = [variables, guide().take(65), guide().take(started, standIns)];
    const { stdout } = await bench().shell(lines.join('\n'));
    expect(stdout).toContain('Deployment complete!');
    expect(stdout).toMatch(/Image: sandbox\/my-custom-sandbox-\d+:\w+/);
    await remove(/Sandbox: (\S+)/.exec(stdout)?.[1] ?? '');
  });
}
