import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rmdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { readCgroupLayout } from '../../server/src/runtime/cgroup-layout.ts';
import { takeCensus } from '../fixtures/census.ts';
import type { CensusOf } from '../fixtures/census.ts';
import { findDriversUnderTest } from '../fixtures/driver-under-test.ts';
import { plantImages } from '../fixtures/image-template.ts';
import { sweep } from '../fixtures/sweep.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'atoll');
const cleanUps: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

interface Start extends CensusOf {
  child: ChildProcess;
  output: () => string;
  ended: Promise<unknown>;
}

/** Starts the program; the instance is known as soon as it has begun to make something. */
async function launch(runtime: string, ...args: string[]): Promise<Start> {
  return launchBy([], runtime, ...args);
}

/** As `launch`, through a program that runs the one it is given. */
async function launchBy(wrapper: readonly string[], runtime: string, ...args: string[]): Promise<Start> {
  const dataDir = await mkdtemp(join(tmpdir(), 'atoll-start-'));
  await plantImages(dataDir).catch(() => {}); // there is none yet where this test runs first
  const command = [...wrapper, program, 'server', '--data-dir', dataDir, '--runtime', runtime, ...args];
  const child = spawn('env', command, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += String(chunk)));
  const ended = once(child, 'close');
  const idFile = join(dataDir, 'instance-id');
  await Promise.race([expect.poll(() => existsSync(idFile), { timeout: 20_000 }).toBe(true), ended]);
  const instanceId = readFileSync(idFile, 'utf8').trim();
  const of = { instanceId, dataDir, runDir: '/run/atoll' };
  cleanUps.push(async () => {
    child.kill('SIGKILL');
    await ended;
    await sweep(of, await takeCensus(of));
  });
  return { ...of, child, ended, output: () => text };
}

async function occupiedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => void server.close());
  return (server.address() as AddressInfo).port; // a TCP server has no other kind
}

for (const { name, obstacle } of await findDriversUnderTest()) {
  test.skipIf(obstacle !== undefined)(
    `${name}: a start that finds its port taken leaves nothing on the host`,
    async () => {
      const start = await launch(name, '--listen', `127.0.0.1:${await occupiedPort()}`);
      await start.ended;
      expect(start.child.exitCode).not.toBe(0);
      expect(start.output()).toContain('EADDRINUSE');
      expect(await takeCensus(start)).toEqual([]);
    },
  );

  test.skipIf(obstacle !== undefined)(
    `${name}: a start that is told to stop ends cleanly and leaves nothing on the host`,
    async () => {
      const start = await launch(name, '--listen', '127.0.0.1:0');
      start.child.kill('SIGTERM');
      await start.ended;
      expect([start.child.exitCode, start.child.signalCode]).toEqual([0, null]);
      expect(await takeCensus(start)).toEqual([]);
    },
  );
}

const native = (await findDriversUnderTest()).find(({ name }) => name === 'native');

const hasNative = native !== undefined && native.obstacle === undefined;

describe.runIf(hasNative)('without user namespaces', () => {
  const withoutThem = ['python3', join(import.meta.dirname, '..', 'fixtures', 'without-user-namespaces.py')];

  test('native is refused, with what allows it, and leaves nothing on the host', async () => {
    const start = await launchBy(withoutThem, 'native', '--listen', '127.0.0.1:0');
    await start.ended;
    expect(start.child.exitCode).not.toBe(0);
    expect(start.output()).toContain('--unsafe-native');
    expect(await takeCensus(start)).toEqual([]);
  });

  test('native starts when the operator allows it', async () => {
    const start = await launchBy(withoutThem, 'native', '--unsafe-native', '--listen', '127.0.0.1:0');
    await expect.poll(start.output, { timeout: 30_000 }).toContain('"msg":"listening"');
    start.child.kill('SIGTERM');
    await start.ended;
    expect(start.child.exitCode).toBe(0);
    expect(start.output()).toContain('"userNamespaces":false');
  });
});

test.runIf(hasNative)(
  'sandboxes are in the control group that the operator names, and leave it empty',
  async () => {
    const parent = `/atoll-test-${process.pid}.slice`;
    const layout = await readCgroupLayout();
    const dirs = (layout.version === 2 ? [layout.root] : layout.hierarchies).map((root) =>
      join(root, parent),
    );
    cleanUps.push(async () => void (await Promise.all(dirs.map((dir) => rmdir(dir).catch(() => {})))));
    const start = await launch(
      'native',
      '--cgroup-parent',
      parent,
      '--slots',
      '1',
      '--listen',
      '127.0.0.1:0',
    );
    const groups = async (): Promise<number> => {
      const names = dirs.map((dir) => readdir(join(dir, `atoll-${start.instanceId}`)).catch(() => []));
      return (await Promise.all(names)).filter((entries) => entries.some((name) => /^\w{8}$/.test(name)))
        .length;
    };
    await expect.poll(groups, { timeout: 30_000 }).toBe(dirs.length);
    start.child.kill('SIGTERM');
    await start.ended;
    for (const dir of dirs) await rmdir(dir);
  },
);
