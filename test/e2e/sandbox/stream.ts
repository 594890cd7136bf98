import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { call, createSandbox, eventsOf, sandboxCalls } from '../../fixtures/api.ts';
import type { TestServer } from '../../fixtures/server.ts';

const residentBytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

/** Bytes pass through as they come, at the speed of the slower side. */
export function testStreaming(server: () => TestServer): void {
  let id = '';
  beforeAll(async () => {
    id = await createSandbox(server(), { resources: { cpus: 2, memory_mb: 512 } });
  });
  afterAll(() => call(server(), `/sandboxes/${id}`, { method: 'DELETE' }));
  const box = () => sandboxCalls(server(), id);

  test('a line is seen before the process ends', async () => {
    const stopped = new AbortController();
    const answer = await box().stream('echo first; sleep 60; echo never', {}, stopped.signal);
    const events = eventsOf(answer);
    await events.next();
    expect((await events.next()).value).toMatchObject({ line: 'first' });
    answer.once('error', () => {});
    stopped.abort();
  });

  test('a client that disconnects from run ends the process and its children', async () => {
    const stopped = new AbortController();
    const answer = await box().stream('echo up; sleep 77 & sleep 77', {}, stopped.signal);
    answer.once('error', () => {});
    const events = eventsOf(answer);
    await events.next();
    expect((await events.next()).value).toMatchObject({ line: 'up' });
    expect((await box().run('pgrep -fc "^sleep 77"')).output).toBe('2');
    stopped.abort();
    await vi.waitFor(async () => expect((await box().run('pgrep -fc "^sleep 77"')).output).toBe('0'), {
      timeout: 10_000,
    });
  });

  test('a follower that goes away leaves the process', async () => {
    const { body } = await box().call('/api/v1/processes', { body: { command: 'sleep', args: ['60'] } });
    const { pid } = body as { pid: number }; // wire 2.2
    const answer = await box().open(`/api/v1/processes/${pid}/output/follow`);
    answer.destroy();
    await sleep(200);
    expect(await box().call(`/api/v1/processes/${pid}`)).toMatchObject({ body: { status: 'running' } });
    expect(await box().call(`/api/v1/processes/${pid}`, { method: 'DELETE' })).toMatchObject({ status: 204 });
  });

  test('a live follower gets every line of an output larger than what is kept', async () => {
    const { body } = await box().call('/api/v1/processes', {
      body: {
        command: 'bash',
        args: ['-c', "sleep 0.3; printf -v pad '%01000d' 0; for i in {1..10000}; do echo $i-$pad; done"],
      },
    });
    const { pid } = body as { pid: number }; // wire 2.2
    const numbers: number[] = [];
    for await (const { line } of eventsOf(await box().open(`/api/v1/processes/${pid}/stdout/follow`))) {
      if (line !== undefined) numbers.push(Number.parseInt(line, 10));
    }
    expect(numbers).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 1));
  });

  test(
    'a download that nobody reads waits in the sandbox, not in the server',
    { timeout: 60_000 },
    async () => {
      await box().run('truncate -s 200M /tmp/large');
      await (await box().open('/api/v1/files?path=%2Ftmp%2Flarge')).resume().toArray();
      const before = residentBytes(server().pid);
      const answer = await box().open('/api/v1/files?path=%2Ftmp%2Flarge');
      answer.pause();
      await sleep(1_500);
      const grown = residentBytes(server().pid) - before;
      answer.resume();
      await once(answer, 'end');
      expect(answer.headers['content-length'] ?? `${200 * 2 ** 20}`).toBe(`${200 * 2 ** 20}`);
      expect(grown).toBeLessThan(40 * 2 ** 20);
    },
  );

  test(
    'an upload of a hundred megabytes passes through the server without staying in it',
    { timeout: 60_000 },
    async () => {
      const before = residentBytes(server().pid);
      const body = Buffer.alloc(100 * 2 ** 20, 'x');
      expect(await box().call('/api/v1/files?path=%2Ftmp%2Fup', { method: 'PUT', body })).toMatchObject({
        status: 204,
      });
      expect(residentBytes(server().pid) - before).toBeLessThan(60 * 2 ** 20);
      expect((await box().run('stat -c %s /tmp/up; rm /tmp/up /tmp/large')).output).toBe(`${body.length}`);
    },
  );
}
