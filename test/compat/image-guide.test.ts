import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Image } from '@atoll/sdk';
import * as published from 'tensorlake';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { run } from '../../server/src/lib/run.ts';
import { runCli } from '../fixtures/run-cli.ts';
import { useServer } from '../fixtures/server.ts';
import { runTlImage } from './image-build/run-tl.ts';
import { clientOf } from './tensorlake-npm/client.ts';
import { installPythonClient } from './python-install.ts';
import { installTl } from './tl-install.ts';

/** Fetches from the archives of Debian and of Python. */
const isLong = process.env['ATOLL_TEST_LONG'] !== undefined;
const CLIENT_TIMEOUT_MS = 20 * 60_000;

/** As the published guide has it, to the letter. */
const guide = `FROM tensorlake/ubuntu-systemd

RUN apt-get update && apt-get install -y python3 python3-pip
COPY requirements.txt /tmp/requirements.txt
RUN python3 -m pip install --break-system-packages -r /tmp/requirements.txt
RUN mkdir -p /workspace/cache

ENV APP_ENV=prod
WORKDIR /workspace
`;
const sameInPython = `
import sys
from tensorlake import Image
(
    Image(name="by-python", base_image="tensorlake/ubuntu-systemd")
    .copy("requirements.txt", "/tmp/requirements.txt")
    .run("apt-get update && apt-get install -y python3 python3-pip")
    .run("python3 -m pip install --break-system-packages -r /tmp/requirements.txt")
    .run("mkdir -p /workspace/cache")
    .env("APP_ENV", "prod")
    .workdir("/workspace")
    .build(context_dir=sys.argv[1], cas=False)
)
`;

/** The steps of the guide in code, on the class of either SDK. */
const inSteps = <T extends Image | published.Image>(image: T): T =>
  image
    .copy('requirements.txt', '/tmp/requirements.txt')
    .run('apt-get update && apt-get install -y python3 python3-pip')
    .run('python3 -m pip install --break-system-packages -r /tmp/requirements.txt')
    .run('mkdir -p /workspace/cache')
    .env('APP_ENV', 'prod')
    .workdir('/workspace') as T; // each step returns the image itself

const authorities = '/etc/ssl/certs/ca-certificates.crt';

describe.runIf(isLong)(
  'the guide, with packages of the real archives',
  { timeout: CLIENT_TIMEOUT_MS },
  () => {
    const server = useServer({
      runtime: 'gvisor',
      args: existsSync(authorities) ? ['--extra-ca', authorities] : [],
    });
    let dir = '';
    const environment = () => ({
      TENSORLAKE_API_URL: server().url,
      TENSORLAKE_API_KEY: server().apiKey,
      TENSORLAKE_SANDBOX_PROXY_URL: server().url,
      PYTHONDONTWRITEBYTECODE: '1',
    });
    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'atoll-guide-'));
      await writeFile(join(dir, 'Dockerfile'), guide);
      await writeFile(join(dir, 'requirements.txt'), 'six==1.17.0\n');
      for (const [name, value] of Object.entries(environment())) vi.stubEnv(name, value);
    });
    afterAll(async () => {
      vi.unstubAllEnvs();
      await rm(dir, { recursive: true, force: true });
    });

    const expectImage = async (image: string): Promise<void> => {
      const sandbox = await clientOf(server()).createAndConnect({ image });
      try {
        const script =
          'python3 -c "import six; print(six.__version__)"; ls -d /workspace/cache; echo $APP_ENV; pwd';
        const { stdout } = await sandbox.run('sh', { args: ['-c', script] });
        expect(stdout).toBe('1.17.0\n/workspace/cache\nprod\n/workspace');
      } finally {
        await sandbox.terminate();
      }
    };

    test('is built by our command line', async () => {
      const env = { ATOLL_URL: server().url, ATOLL_API_KEY: server().apiKey };
      const args = ['sbx', 'image', 'create', join(dir, 'Dockerfile'), '--registered-name', 'by-cli'];
      const { exitCode, stdout, stderr } = await runCli(args, { env });
      expect([exitCode, stdout], stderr).toEqual([0, 'by-cli\n']);
      await expectImage('by-cli');
    });

    test('is built by our SDK', async () => {
      const connection = { apiUrl: server().url, apiKey: server().apiKey };
      const image = inSteps(new Image({ name: 'by-sdk', baseImage: 'tensorlake/ubuntu-systemd' }));
      await image.build({ contextDir: dir, connection });
      await expectImage('by-sdk');
    });

    test('is built by npm tensorlake 0.5.89, as a Dockerfile and in steps', async () => {
      await published.createSandboxImage(join(dir, 'Dockerfile'), { registeredName: 'by-npm' });
      await expectImage('by-npm');
      const image = inSteps(
        new published.Image({ name: 'by-npm-steps', baseImage: 'tensorlake/ubuntu-systemd' }),
      );
      await image.build({ contextDir: dir });
      await expectImage('by-npm-steps');
    });

    test('is built by the PyPI client', async () => {
      const python = await installPythonClient();
      const argv = [python, '-W', 'ignore', '-c', sameInPython, dir];
      await run(argv, { timeoutMs: CLIENT_TIMEOUT_MS, env: environment() });
      await expectImage('by-python');
    });

    test('is built by tl 0.5.33', async () => {
      const tl = { tl: await installTl(), env: environment(), timeoutMs: CLIENT_TIMEOUT_MS };
      const { exit, stderr } = await runTlImage(tl, 'create', join(dir, 'Dockerfile'), '-n', 'by-tl');
      expect(exit, stderr).toBe(0);
      await expectImage('by-tl');
    });
  },
);
