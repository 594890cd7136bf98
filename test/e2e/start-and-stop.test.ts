import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
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
  const dataDir = await mkdtemp(join(tmpdir(), 'atoll-start-'));
  await plantImages(dataDir).catch(() => {}); // there is none yet where this test runs first
  const child = spawn(program, ['server', '--data-dir', dataDir, '--runtime', runtime, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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
