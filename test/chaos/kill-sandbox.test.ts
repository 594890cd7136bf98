import { expect, test } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { readRecords } from './records.ts';
import { createCalls, idOf } from './sandbox-calls.ts';
import { processesOfSlot } from './slot-process.ts';

const END_TIMEOUT_MS = 30_000;

/** The parts of a sandbox on the host, by what their command lines say. */
const parts = {
  gvisor: { sentry: / boot .*--bundle/, 'file proxy': / gofer .*main-/ },
  native: { agent: /\/\.atoll\/agent/ },
};

describeOnEachDriver(
  'a sandbox that is killed from outside',
  (getServer, driver) => {
    test.each(Object.entries(parts[driver]))(
      'ends with a reason and leaves nothing: %s',
      async (part, pattern) => {
        const server = getServer();
        const calls = createCalls(server);
        const id = idOf(await calls.create(nameOf(part))) ?? '';
        const bystander = idOf(await calls.create()) ?? '';
        const slotId = slotOf(server, id);
        const [victim] = processesOfSlot(slotId).filter(({ line }) => pattern.test(line));
        process.kill(victim?.pid ?? Number.NaN, 'SIGKILL');
        await expect
          .poll(() => describeEnd(server, id), { timeout: END_TIMEOUT_MS })
          .toMatchObject({
            status: 'terminated',
            reason: expect.stringMatching(/./),
          });
        expect(processesOfSlot(slotId)).toEqual([]);
        await expect.poll(leftOf(server, slotId), { timeout: END_TIMEOUT_MS }).toEqual([]);
        expect((await calls.run(bystander, 'echo lives'))?.body).toContain('lives');
        const again = idOf(await calls.create(nameOf(part)));
        expect(again).toBeDefined();
        for (const each of [bystander, again ?? '']) await calls.terminate(each);
      },
      END_TIMEOUT_MS * 2,
    );

    test(
      'that died while the server was down is ended by the next start',
      async () => {
        const server = getServer();
        const calls = createCalls(server);
        const id = idOf(await calls.create('orphan')) ?? '';
        const slotId = slotOf(server, id);
        await server.kill9();
        const [pattern] = Object.values(parts[driver]);
        const [victim] = processesOfSlot(slotId).filter(({ line }) => pattern?.test(line));
        process.kill(victim?.pid ?? Number.NaN, 'SIGKILL');
        await server.restart();
        expect(await describeEnd(server, id)).toEqual({ status: 'terminated', reason: 'runtime_lost' });
        await expect.poll(leftOf(server, slotId), { timeout: END_TIMEOUT_MS }).toEqual([]);
      },
      END_TIMEOUT_MS * 2,
    );
  },
  { args: ['--slots', '0'] },
);

const nameOf = (part: string): string => `victim-${part.replace(' ', '-')}`;

const slotOf = (server: TestServer, id: string): string =>
  readRecords(server.dataDir).find((record) => record.id === id)?.slotId ?? '';

async function describeEnd(server: TestServer, id: string): Promise<{ status: string; reason: string }> {
  const outcome = await createCalls(server).get(id);
  const { status, termination_reason } = JSON.parse(outcome?.body ?? '{}') as Record<string, string>; // wire 1.4
  return { status: status ?? '', reason: termination_reason ?? '' };
}

/** What the host has of a slot; its network goes after the sandbox has ended. */
const leftOf = (server: TestServer, slotId: string) => async (): Promise<string[]> =>
  (await server.census()).filter((line) => line.includes(slotId));
