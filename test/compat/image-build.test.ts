import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Image } from '@atoll/sdk';
import type { ImageBuildMessage } from '@atoll/sdk';
import * as published from 'tensorlake';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { run } from '../../server/src/lib/run.ts';
import { runCli } from '../fixtures/run-cli.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { guideDockerfile, guideOutput, guideScript, useContext } from './image-build/context.ts';
import { runTlImage } from './image-build/run-tl.ts';
import { clientOf } from './tensorlake-npm/client.ts';
import { installPythonClient } from './python-install.ts';
import { installTl } from './tl-install.ts';

const tl = await installTl();
const python = await installPythonClient();

describeOnEachDriver('images built by every client', (server, driver) => {
  /** What no driver has a part in is tried on one of them. */
  const isFirst = driver === 'gvisor' || process.env['ATOLL_TEST_DRIVERS'] === driver;
  const context = useContext();
  const environment = () => ({
    TENSORLAKE_API_URL: server().url,
    TENSORLAKE_API_KEY: server().apiKey,
    TENSORLAKE_SANDBOX_PROXY_URL: server().url,
    PYTHONDONTWRITEBYTECODE: '1',
  });
  const connection = () => ({ apiUrl: server().url, apiKey: server().apiKey });
  const cli = (...args: string[]) =>
    runCli(args, { env: { ATOLL_URL: server().url, ATOLL_API_KEY: server().apiKey } });

  /** Where apt-get does nothing: what is built here must not depend on a network. */
  beforeAll(async () => {
    const base = Image.from('tensorlake/debian-minimal', { name: 'guide-base' })
      .user('root')
      .run("printf '#!/bin/sh\\n' > /usr/local/bin/apt-get && chmod +x /usr/local/bin/apt-get");
    await base.build({ connection: connection() });
  }, 60_000);

  const inSandbox = async (image: string): Promise<string> => {
    const sandbox = await clientOf(server()).createAndConnect({ image });
    try {
      return (await sandbox.run('sh', { args: ['-c', guideScript] })).stdout;
    } finally {
      await sandbox.terminate();
    }
  };
  const expectGuideImage = async (name: string): Promise<void> => {
    expect(await inSandbox(name)).toBe(guideOutput);
    const living = await clientOf(server()).list();
    expect(living.filter(({ status }) => status !== 'terminated')).toEqual([]);
  };

  describe('tl of npm 0.5.33', () => {
    const runTl = (...args: string[]) => runTlImage({ tl, env: environment(), timeoutMs: 60_000 }, ...args);

    test('create builds the guide, ls and describe show it', async () => {
      const { exit, stderr } = await runTl('create', join(context(), 'Dockerfile'), '-n', 'by-tl');
      expect(stderr).toContain("Skipping Dockerfile instruction 'EXPOSE'");
      expect(stderr).toMatch(/Image 'by-tl' registered \(image_\w+\)/);
      expect([exit, stderr]).toEqual([0, expect.stringContaining('RUN mkdir -p /workspace/cache')]);
      await expectGuideImage('by-tl');
      expect((await runTl('ls')).stdout).toMatch(/by-tl\s+┆ image_\w+/);
      const { stdout } = await runTl('describe', 'by-tl');
      expect(stdout).toContain('  COPY requirements.txt /tmp/requirements.txt\n');
      expect(stdout).toMatch(/^Snapshot ID: image_\w+$/m);
      expect((await runTl('describe', 'tensorlake/debian-minimal')).stdout).toContain('Debian 13');
    });

    test('register names a snapshot, with its Dockerfile', async () => {
      const sandbox = await clientOf(server()).createAndConnect({ image: 'by-tl' });
      await sandbox.run('sh', { args: ['-c', 'echo kept > /workspace/kept'] });
      const { snapshotId } = await clientOf(server()).snapshotAndWait(sandbox.sandboxId, {
        waitUntil: 'completed',
      });
      await sandbox.terminate();
      const file = join(context(), 'Dockerfile');
      const { exit, stdout, stderr } = await runTl('register', 'by-hand', snapshotId, '--dockerfile', file);
      expect([exit, stderr, stdout]).toEqual([0, '', expect.stringContaining("Registered image 'by-hand'")]);
      const described = await runTl('describe', 'by-hand');
      expect(described.stdout).toContain(`Snapshot ID: ${snapshotId}`);
      expect(described.stdout).toContain('  ENV APP_ENV=prod\n');
      const copy = await clientOf(server()).createAndConnect({ image: 'by-hand' });
      expect((await copy.run('cat', { args: ['/workspace/kept'] })).stdout).toBe('kept');
      await copy.terminate();
      expect(await cli('sbx', 'image', 'register', 'by-our-hand', snapshotId)).toMatchObject({
        exitCode: 0,
        stdout: 'by-our-hand\n',
      });
    });

    test('a failing step fails the command, and what it said is shown', async () => {
      const { exit, stderr } = await runTl('create', join(context(), 'fail', 'Dockerfile'), '-n', 'failing');
      expect([exit, stderr]).toEqual([1, expect.stringMatching(/before[^]*RUN echo before; exit 7/)]);
      expect((await runTl('describe', 'failing')).exit).toBe(1);
    });

    test('a builder sandbox that is deleted takes its build with it', async () => {
      const building = runTl('create', join(context(), 'slow', 'Dockerfile'), '-n', 'slow');
      const isRunning = async () => (await buildsOf(server(), 'running')).length;
      await expect.poll(isRunning, { timeout: 30_000 }).toBe(1);
      const [builder] = (await clientOf(server()).list()).filter(({ status }) => status === 'running');
      expect(builder?.image).toBe('tensorlake/rootfs-builder');
      await clientOf(server()).delete(builder?.sandboxId ?? '');
      expect((await building).exit).toBe(1);
      await expect.poll(isRunning, { timeout: 30_000 }).toBe(0);
      expect((await runTl('describe', 'slow')).exit).toBe(1);
    });
  });

  describe('npm tensorlake 0.5.89', () => {
    beforeAll(() => {
      for (const [name, value] of Object.entries(environment())) vi.stubEnv(name, value);
      return () => vi.unstubAllEnvs();
    });

    test('createSandboxImage builds a Dockerfile and tells how it goes', async () => {
      const events: Record<string, unknown>[] = [];
      const made = await published.createSandboxImage(
        join(context(), 'Dockerfile'),
        { registeredName: 'by-npm' },
        { emit: (event) => void events.push(event) },
      );
      expect(made).toMatchObject({ name: 'by-npm', dockerfile: guideDockerfile });
      const messages = events.map(({ message }) => message);
      expect(messages).toContain(
        "Dockerfile instruction 'EXPOSE' is applied during the image build but has no effect when running sandboxes from this image.",
      );
      expect(messages.join('\n')).not.toContain('secret.txt');
      expect(events.at(-1)).toEqual({ type: 'done' });
      await expectGuideImage('by-npm');
    });

    test.runIf(isFirst)('Image.build, find, list and delete work', async () => {
      const image = new published.Image({ name: 'by-npm-image', baseImage: 'guide-base' })
        .copy('requirements.txt', '/tmp/requirements.txt')
        .run('mkdir -p /workspace/cache')
        .env('APP_ENV', 'prod')
        .workdir('/workspace');
      const sizes = { cpus: 1, memoryMb: 512, diskMb: 2048, builderDiskMb: 4096 };
      await image.build({ contextDir: context(), ...sizes });
      await expectGuideImage('by-npm-image');
      const { organizationId, projectId } = await introspect(server());
      vi.stubEnv('TENSORLAKE_ORGANIZATION_ID', organizationId);
      vi.stubEnv('TENSORLAKE_PROJECT_ID', projectId);
      expect(await published.findSandboxImageByName('by-npm-image')).toMatchObject({ name: 'by-npm-image' });
      expect(await published.findSandboxImageByName('nobody')).toBeNull();
      expect((await published.listSandboxImages()).map(({ name }) => name)).toContain('by-npm-image');
      await published.deleteSandboxImage('by-npm-image');
      expect(await published.findSandboxImageByName('by-npm-image')).toBeNull();
    });

    test('what the build lacked is said as the client says it', async () => {
      const hungry = new published.Image({ name: 'hungry', baseImage: 'guide-base' }).run(
        `exec python3 -c 'x = bytearray(400 << 20); print(len(x))'`,
      );
      await expect(hungry.build({ memoryMb: 128 })).rejects.toThrow(
        /ran out of memory\. Retry with a larger/,
      );
    });

    test.runIf(isFirst)('a registry image can be imported without a Dockerfile', async () => {
      await published.importSandboxImage('guide-base', { registeredName: 'imported' });
      expect(await inSandbox('imported')).toContain('/workspace');
    });
  });

  test.runIf(isFirst)('Image of the PyPI client builds the guide', async () => {
    const script = `
import sys
from tensorlake import Image
Image(name="by-python", base_image="guide-base").copy("requirements.txt", "/tmp/requirements.txt").run(
    "mkdir -p /workspace/cache").env("APP_ENV", "prod").workdir("/workspace").build(
    context_dir=sys.argv[1], cas=False)
`;
    await run([python, '-W', 'ignore', '-c', script, context()], { timeoutMs: 60_000, env: environment() });
    await expectGuideImage('by-python');
  });

  describe('our own', () => {
    test.runIf(isFirst)('SDK builds the guide and tells how it goes in the same words', async () => {
      const messages: ImageBuildMessage[] = [];
      const built = await new Image({ name: 'by-sdk', baseImage: 'guide-base' })
        .copy('requirements.txt', '/tmp/requirements.txt')
        .run('mkdir -p /workspace/cache')
        .env('APP_ENV', 'prod')
        .workdir('/workspace')
        .build({
          contextDir: context(),
          connection: connection(),
          emit: (message) => messages.push(message),
        });
      expect(messages.slice(-2)).toEqual([
        { type: 'image_registered', name: 'by-sdk', image_id: built.id },
        { type: 'done' },
      ]);
      await expectGuideImage('by-sdk');
    });

    test('command line builds the guide; a second time everything is cached', async () => {
      const file = join(context(), 'Dockerfile');
      const create = ['sbx', 'image', 'create', file, '--registered-name', 'by-cli', '--disk_mb', '2048'];
      const first = await cli(...create);
      expect(first).toMatchObject({ exitCode: 0, stdout: 'by-cli\n' });
      const again = await cli(...create, '--json');
      expect(JSON.parse(again.stdout)).toMatchObject({ name: 'by-cli', layerCount: expect.any(Number) });
      expect(again.stderr.match(/CACHED/g)?.length).toBeGreaterThanOrEqual(4);
      await expectGuideImage('by-cli');
      const { stdout } = await cli('image', 'describe', 'by-cli');
      expect(stdout).toContain('RUN mkdir -p /workspace/cache\n');
      expect(stdout).toMatch(/Disk:\s+2048 MB/);
      const refused = await cli(...create, '--no-replace');
      expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('by-cli')]);
    });

    test.runIf(isFirst)('image push copies into another registry, and sends nothing twice', async () => {
      const dockerConfig = await mkdtemp(join(tmpdir(), 'atoll-docker-'));
      onTestFinished(() => rm(dockerConfig, { recursive: true }));
      const { host } = new URL(server().url);
      const auth = Buffer.from(`user:${server().apiKey}`).toString('base64');
      await writeFile(join(dockerConfig, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
      const env = { ATOLL_URL: server().url, ATOLL_API_KEY: server().apiKey };
      const push = (withLogin: boolean) =>
        runCli(['image', 'push', 'guide-base', `${host}/default/pushed:v1`], {
          env: { ...env, ...(withLogin && { DOCKER_CONFIG: dockerConfig }) },
        });
      expect((await push(false)).stderr).toContain(`docker login ${host}`);
      const first = await push(true);
      expect([first.exitCode, first.stderr]).toEqual([0, expect.stringMatching(/pushed$/m)]);
      expect((await push(true)).stderr).not.toMatch(/pushed$/m);
      expect(await inSandbox('pushed:v1')).toContain('/workspace');
    });

    test.runIf(isFirst)('a failing step ends with 1 and says how to look around', async () => {
      const failed = await cli('image', 'build', join(context(), 'fail'), '-t', 'failing');
      expect([failed.exitCode, failed.stdout]).toEqual([1, '']);
      expect(failed.stderr).toMatch(/^#\d+ before$/m);
      expect(failed.stderr).toMatch(/Hint: .*atoll image debug build_\w+/);
    });

    test.runIf(isFirst)(
      'an image that was never registered is refused with the way to register it',
      async () => {
        const { exitCode, stderr } = await cli('sbx', 'create', '--image', 'python:3.12-slim');
        expect(exitCode).toBe(1);
        expect(stderr).toContain('atoll sbx image import python:3.12-slim');
      },
    );
  });
});

async function buildsOf(server: TestServer, status: string): Promise<unknown[]> {
  const answer = await server.fetch(`/v1/builds?status=${status}`);
  const { builds } = (await answer.json()) as { builds: unknown[] }; // protocol/src/atoll/build.ts
  return builds;
}

async function introspect(server: TestServer): Promise<{ organizationId: string; projectId: string }> {
  const answer = await server.fetch('/platform/v1/keys/introspect', { method: 'POST' });
  return (await answer.json()) as { organizationId: string; projectId: string }; // wire 1.7
}
