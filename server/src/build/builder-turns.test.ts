import { expect, test } from 'vitest';
import { createBuilderTurns } from './builder-turns.ts';
import type { Turn } from './builder-turns.ts';

const signal = new AbortController().signal;

function gauge() {
  const seen = { now: 0, most: 0, order: [] as string[] };
  const work = (name: string) => async (): Promise<void> => {
    seen.order.push(name);
    seen.now += 1;
    seen.most = Math.max(seen.most, seen.now);
    await new Promise((resolve) => setImmediate(resolve));
    seen.now -= 1;
  };
  const many = (turn: Turn, workspaceId: string, count: number) =>
    Array.from({ length: count }, () => turn({ workspaceId, signal }, work(workspaceId)));
  return { seen, many };
}

test('a build of a thousand stages has few sandboxes at once', async () => {
  const turns = createBuilderTurns({ perBuild: 3, perServer: 8 }, () => {});
  const { seen, many } = gauge();
  await Promise.all(many(turns.ofBuild(), 'a', 1000));
  expect(seen).toMatchObject({ now: 0, most: 3 });
});

test('all builds together have no more than the server allows, and workspaces take turns', async () => {
  const turns = createBuilderTurns({ perBuild: 4, perServer: 2 }, () => {});
  const { seen, many } = gauge();
  const greedy = [1, 2, 3].flatMap(() => many(turns.ofBuild(), 'a', 4));
  await Promise.all([...greedy, ...many(turns.ofBuild(), 'b', 2)]);
  expect(seen.most).toBe(2);
  expect(seen.order.slice(0, 6).filter((name) => name === 'b')).toHaveLength(2);
});

test('a host that is short refuses, and the place is free again', async () => {
  let isShort = true;
  const turns = createBuilderTurns({ perBuild: 1, perServer: 1 }, () => {
    if (isShort) throw new Error('the host is short');
  });
  const turn = turns.ofBuild();
  await expect(turn({ workspaceId: 'a', signal }, async () => {})).rejects.toThrow('short');
  isShort = false;
  expect(await turn({ workspaceId: 'a', signal }, async () => 'done')).toBe('done');
});

test('a build that is ended while it waits leaves its turn', async () => {
  const turns = createBuilderTurns({ perBuild: 1, perServer: 1 }, () => {});
  const gate = Promise.withResolvers<void>();
  const first = turns.ofBuild()({ workspaceId: 'a', signal }, () => gate.promise);
  const stop = new AbortController();
  const waiting = turns.ofBuild()({ workspaceId: 'b', signal: stop.signal }, async () => {});
  stop.abort(new Error('cancelled'));
  await expect(waiting).rejects.toThrow('cancelled');
  gate.resolve();
  await first;
});
