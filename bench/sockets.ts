/**
 * `node bench/sockets.ts [COUNT]`: WebSockets through an exposed port, all open at once. What each costs the server, and how
 * long an echo takes while they are open.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openWebSocket } from '../test/fixtures/echo-socket.ts';
import type { EchoSocket } from '../test/fixtures/echo-socket.ts';
import { buildPortServer } from '../test/fixtures/port-server.ts';
import { writePage } from './report.ts';
import { timed } from './scenario.ts';
import { startServerProcess } from './server-process.ts';
import { summarize } from './statistics.ts';

const DEFAULT_COUNT = 1000;
const AT_ONCE = 50;
const PORT = 8080;
const ROUNDS = 5;
/** Until the server has let go of what was closed. */
const SETTLE_MS = 5_000;

const count = Number(process.argv[2] ?? DEFAULT_COUNT);
const dataDir = mkdtempSync(join(tmpdir(), 'atoll-sockets-'));
const server = await startServerProcess(dataDir, 1);
try {
  process.stdout.write(await measure());
} finally {
  for (const { sandboxId } of await server.client.list()) await server.client.delete(sandboxId);
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

/** A sandbox whose server answers what a WebSocket says; resolves to where it is reached. */
async function openEcho(): Promise<string> {
  const sandbox = await server.client.createAndConnect({ name: 'echo', memoryMb: 512 });
  await sandbox.writeFile('/tmp/port-server', await buildPortServer());
  await sandbox.run('chmod', { args: ['+x', '/tmp/port-server'] });
  await sandbox.startProcess('/tmp/port-server', { args: [`0.0.0.0:${PORT}`, '0'] });
  await server.client.exposePorts('echo', [PORT], { allowUnauthenticatedAccess: true });
  return `${server.url}/ports/${sandbox.sandboxId}/${PORT}/ws`;
}

/** One after the other, as a client that waits for each answer. */
async function echoTimes(sockets: readonly EchoSocket[]): Promise<number[]> {
  const times: number[] = [];
  for (const socket of sockets) times.push(await timed(() => socket.echo('hello')));
  return times;
}

async function measure(): Promise<string> {
  const url = await openEcho();
  const alone = await openWebSocket(url);
  await echoTimes([alone]);
  const one = summarize(await echoTimes(Array.from({ length: 100 }, () => alone)));
  const beforeMb = server.residentMb();
  const sockets: EchoSocket[] = [];
  const openingMs = await timed(async () => {
    while (sockets.length < count)
      sockets.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => openWebSocket(url)))));
  });
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1)
    rounds.push(await timed(() => Promise.all(sockets.map((socket) => socket.echo('all at once')))));
  const many = summarize(await echoTimes(sockets));
  const openMb = server.residentMb();
  for (const socket of [alone, ...sockets]) socket.close();
  await sleep(SETTLE_MS);
  return writePage('sockets.md', 'WebSockets through an exposed port', [
    `${sockets.length} at once to one sandbox on gVisor, opened ${AT_ONCE} at a time.`,
    '',
    '| what | |',
    '|---|---|',
    `| opening all | ${openingMs.toFixed(0)} ms |`,
    `| an echo, with one open: median, p99 | ${one.median.toFixed(2)}, ${one.p99.toFixed(2)} ms |`,
    `| an echo, with all open: median, p99 | ${many.median.toFixed(2)}, ${many.p99.toFixed(2)} ms |`,
    `| echoes of all at once: median of ${ROUNDS} | ${summarize(rounds).median.toFixed(0)} ms |`,
    `| memory of the server: before, with all open, ${SETTLE_MS / 1000} s after their end | ${beforeMb}, ${openMb}, ${server.residentMb()} MB |`,
    `| memory of the server for each | ${(((openMb - beforeMb) * 1024) / sockets.length).toFixed(0)} KB |`,
  ]);
}
