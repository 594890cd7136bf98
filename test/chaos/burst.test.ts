import { expect, test } from 'vitest';
import { readUsage } from '../fixtures/process-usage.ts';
import { describeOnUsualDriver } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { createCalls, idOf } from './sandbox-calls.ts';

const isLong = process.env['ATOLL_TEST_LONG'] === '1';
const SANDBOXES = 50;
const ROUND_TIMEOUT_MS = 180_000;
const ROUNDS = isLong ? 10 : 1;

describeOnUsualDriver('fifty creates at once', (getServer) => {
  test(
    'all succeed and answer, and all end',
    async () => {
      await burst(getServer());
      expect(await living(getServer())).toBe(0);
    },
    ROUND_TIMEOUT_MS,
  );

  test.runIf(isLong)(
    `cost no more in round ${ROUNDS} than in round 2`,
    async () => {
      const server = getServer();
      await burst(server);
      const before = readUsage(server.pid);
      for (let round = 2; round < ROUNDS; round += 1) await burst(server);
      const after = readUsage(server.pid);
      expect(after.openFiles - before.openFiles).toBeLessThan(10);
      expect(after.memoryMb - before.memoryMb).toBeLessThan(80);
    },
    ROUND_TIMEOUT_MS * ROUNDS,
  );
});

async function burst(server: TestServer): Promise<void> {
  const calls = createCalls(server);
  const created = await Promise.all(Array.from({ length: SANDBOXES }, () => calls.create()));
  expect(created.map((outcome) => outcome?.status)).toEqual(created.map(() => 200));
  const ids = created.map((outcome) => idOf(outcome) ?? '');
  expect(new Set(ids).size).toBe(SANDBOXES);
  const answers = await Promise.all(ids.map((id) => calls.run(id, 'echo here')));
  expect(answers.filter((answer) => answer?.body.includes('here'))).toHaveLength(SANDBOXES);
  const ended = await Promise.all(ids.map((id) => calls.terminate(id)));
  expect(ended.map((outcome) => outcome?.status)).toEqual(ended.map(() => 200));
}

async function living(server: TestServer): Promise<number> {
  const answer = await server.fetch('/v1/namespaces/default/sandboxes?status=running');
  return ((await answer.json()) as { sandboxes: unknown[] }).sandboxes.length; // wire 1.4
}
