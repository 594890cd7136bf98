import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findDriversUnderTest } from '../fixtures/driver-under-test.ts';
import { readUsage } from '../fixtures/process-usage.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';

const realAgent = join(import.meta.dirname, '../../.build/atoll-agent');
const BUILD_TIMEOUT_MS = 120_000;
const WATCH_MS = 2_000;
const gvisor = (await findDriversUnderTest()).filter(({ name, obstacle }) => name === 'gvisor' && !obstacle);
// Without isolation a flood is the hardest: nothing slows it down. The runtime has to carry the worst of them.
const modesOn = {
  gvisor: ['hello-and-gone', 'endless-alive', 'garbage-lines', 'endless-early', 'status-zero', 'nothing'],
  fake: [
    'hello-and-gone',
    'endless-line',
    'garbage-lines',
    'binary',
    'endless-alive',
    'endless-hello',
    'endless-oom',
    'deep-json',
    'wrong-types',
    'endless-headers',
    'endless-early',
    'endless-refusal',
    'endless-chunks',
    'bad-chunk',
    'no-http',
    'status-zero',
    'upgrade',
    'redirect',
    'nothing',
    'never-answers',
  ],
};
const runtimes = ['fake' as const, ...gvisor.map(() => 'gvisor' as const)];

let folder: string;
let binary: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'atoll-test-'));
  binary = join(folder, 'hostile');
  const source = join(import.meta.dirname, 'hostile-agent', 'main.go');
  const env = { ...process.env, CGO_ENABLED: '0', GO111MODULE: 'off' };
  execFileSync('go', ['build', '-trimpath', '-o', binary, source], { env });
}, BUILD_TIMEOUT_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(runtimes)('a sandbox on %s whose agent means harm', (runtime) => {
  let server: TestServer;
  beforeAll(async () => {
    const env = { ATOLL_AGENT_BINARY: binary, ATOLL_TEST_LAUNCHER: realAgent };
    server = await startTestServer({ runtime, env });
  }, BUILD_TIMEOUT_MS);
  afterAll(() => server.close(), BUILD_TIMEOUT_MS);

  const create = async (mode: string): Promise<string> => {
    const body = JSON.stringify({ entrypoint: [mode], resources: { cpus: 1, memory_mb: 256 } });
    const answer = await server.fetch('/v1/namespaces/default/sandboxes', { method: 'POST', body });
    expect(answer.status).toBe(200);
    return ((await answer.json()) as { sandbox_id: string }).sandbox_id; // wire 1.4
  };
  const sandboxPath = (id: string): string => `/v1/namespaces/default/sandboxes/${id}`;

  test.each(modesOn[runtime])('with %s costs the server little and stays its own problem', async (mode) => {
    const linesBefore = server.log.length;
    const id = await create(mode);
    const before = readUsage(server.pid);
    const [health] = await Promise.all([
      askWhileWatching(server),
      new Promise((resolve) => setTimeout(resolve, WATCH_MS)),
    ]);
    const after = readUsage(server.pid);
    expect(health).toEqual([200, 200, 200, 200, 200]);
    expect(after.memoryMb - before.memoryMb).toBeLessThan(100);
    expect(after.cpuMs - before.cpuMs).toBeLessThan(WATCH_MS / 2);
    expect(after.openFiles - before.openFiles).toBeLessThan(20);
    expect(server.log.length - linesBefore).toBeLessThan(30);
    expect(Math.max(...server.log.slice(linesBefore).map(({ length }) => length))).toBeLessThan(4_000);
    expect((await server.fetch(sandboxPath(id), { method: 'DELETE' })).status).toBe(200);
    const ended = (await (await server.fetch(sandboxPath(id))).json()) as { status: string }; // wire 1.4
    expect(ended.status).toBe('terminated');
  });

  test('answers its own clients alone', async () => {
    const id = await create('never-answers');
    const headers = { 'x-tensorlake-sandbox-id': id };
    const waiting = server.fetch('/api/v1/health', { headers, signal: AbortSignal.timeout(1_000) });
    await expect(waiting).rejects.toThrow('timeout');
    expect((await server.fetch('/healthz')).status).toBe(200);
  });
});

/** The status of requests spread over the watch; each has to come at once. */
async function askWhileWatching(server: TestServer): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS / 6));
    const answer = await server
      .fetch('/healthz', { signal: AbortSignal.timeout(1_000) })
      .catch(() => undefined);
    statuses.push(answer?.status ?? 0);
  }
  return statuses;
}
