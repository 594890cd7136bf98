import { access, appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { build } from '../../fixtures/build.ts';
import { imageOf } from '../../fixtures/registry-client.ts';
import type { TestServer } from '../../fixtures/server.ts';
import { standInRegistry } from '../../fixtures/stand-in-registry.ts';
import { call, create } from '../blaxel/calls.ts';
import type { Guide } from './blocks.ts';
import { writeTemplate } from './template.ts';
import type { Workbench } from './workbench.ts';

/** Without Docker, which need not be there. */
const withoutDocker = [
  ['make build', 'make build DOCKER='],
  ['make run', 'make run DOCKER='],
] as const;

const LOGIN = 'myuser:mypassword';
const authorization = `Basic ${Buffer.from(LOGIN).toString('base64')}`;

/** The blocks of the guide that call `bl`. */
export function testProgram(server: () => TestServer, bench: () => Workbench, guide: () => Guide): void {
  const below = { below: 'mytemplate' };
  const said = async (number: number, folder = below): Promise<string> =>
    (await bench().shell(guide().take(number), folder)).stdout;
  const remove = (name: string) => call(server(), 'DELETE', `/v0/sandboxes/${name}`);

  test('a project is made, customized, built, run, pushed and deployed', async () => {
    await bench().shell(guide().take(1));
    const dir = join(bench().dir, 'mytemplate');
    const listed = [
      ...guide()
        .take(2)
        .matchAll(/^[├└]── (\S+)/gm),
    ].map(([, name = '']) => name);
    expect(listed).toHaveLength(4);
    for (const name of listed) await access(join(dir, name));
    await writeTemplate(guide(), dir);
    await writeFile(join(dir, 'blaxel.toml'), guide().take(4, [['memory = 8192', 'memory = 512']]));
    await bench().shell(guide().take(6, withoutDocker), below);
    expect(await said(9)).toBe('DEPLOYED\n');
    expect(await said(7)).toMatch(/^sandbox\/mytemplate:latest$/m);
    expect(await said(8)).toBe('mytemplate\n');
    const deployed = await call(server(), 'GET', '/v0/sandboxes/mytemplate');
    expect(deployed.body).toMatchObject({
      spec: {
        runtime: {
          generation: 'mk3',
          ports: [
            { name: 'dev-server', target: 3000, protocol: 'TCP' },
            { name: 'another-api', target: 8888, protocol: 'TCP' },
          ],
          envs: [
            { name: 'NODE_ENV', value: 'development' },
            { name: 'PYTHON_ENV', value: 'development' },
          ],
        },
      },
    });
    await remove('mytemplate');
  });

  test('a second push leaves what the first one made', async () => {
    const latest = async () => (await said(73)).trim();
    const first = await latest();
    await appendFile(join(bench().dir, 'mytemplate', 'Dockerfile'), 'RUN echo second > /which\n');
    expect(await said(76)).toMatch(/^sandbox\/mytemplate:latest$/m);
    const second = await latest();
    expect(second).not.toBe(first);
    for (const [image, which] of [
      [first, ''],
      [second, 'second\n'],
    ] as const) {
      await create(server(), 'revision', { image });
      const exec = { command: 'cat /which 2>/dev/null', waitForCompletion: true };
      const done = await call(server(), 'POST', '/default/sandboxes/revision/process', exec);
      expect([image, done.body]).toEqual([image, expect.objectContaining({ stdout: which })]);
      await remove('revision');
    }
  });

  test('an image of a private registry is pushed with logins of three ways', async () => {
    const registry = await standInRegistry(imageOf([]), ({ headers }, response) => {
      if (headers.authorization === authorization) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="private"' }).end();
      return true;
    });
    const standIns = [['docker.io', registry.host]] as const;
    const auth = ['<base64 of username:password>', Buffer.from(LOGIN).toString('base64')] as const;
    const config = guide().take(72, [...standIns, auth]);
    const pushed = expect.stringMatching(/^sandbox\/my-custom-sandbox:latest$/m) as unknown;
    expect((await bench().shell(guide().take(70, standIns))).stdout).toEqual(pushed);
    await expect(bench().shell(guide().take(71, standIns))).rejects.toThrow('there is no');
    await writeFile(join(bench().dir, 'home', '.docker', 'config.json'), config);
    expect((await bench().shell(guide().take(71, standIns))).stdout).toEqual(pushed);
    await bench().shell('mkdir -p private/.docker');
    const dir = join(bench().dir, 'private');
    await writeFile(join(dir, 'blaxel.toml'), guide().take(69, standIns));
    await expect(bench().shell('bl push', { below: 'private' })).rejects.toThrow(
      'the build of sandbox/my-custom-sandbox failed',
    );
    await writeFile(join(dir, '.docker', 'config.json'), config);
    expect((await bench().shell('bl push', { below: 'private' })).stdout).toEqual(pushed);
  });

  test('instructions that are good and bad for the cache are built', async () => {
    const dockerfile = `FROM node:20\nWORKDIR /app\n${guide().take(83)}`;
    const dir = join(bench().dir, 'src');
    await writeFile(join(dir, 'Dockerfile'), dockerfile);
    await writeFile(join(dir, 'package.json'), '{}');
    expect((await build(server(), { name: 'cached' }, dir)).build.failure).toBeUndefined();
  });
}
