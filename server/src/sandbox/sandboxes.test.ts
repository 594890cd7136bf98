import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openSandboxes, opened, request, terminate } from '../../../test/fixtures/open-sandboxes.ts';
import type { Opened } from '../../../test/fixtures/open-sandboxes.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import { usualLimits } from './admission.ts';

test('a create ends with a sandbox that answers', async () => {
  const { sandboxes, workspaceId } = await opened();
  const created = await sandboxes.create(workspaceId, { ...request, name: 'one' }, 10_000);
  expect(created.kind).toBe('running');
  const { endpoint, token } = await sandboxes.attach(workspaceId, 'one');
  const answer = await fetch(`http://${endpoint.host}:${endpoint.port}/api/v1/health`, {
    headers: { 'x-atoll-token': token },
  });
  expect(await answer.json()).toEqual({ healthy: true });
});

test('an agent refuses who has another token', async () => {
  const { sandboxes, workspaceId } = await opened();
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  const { endpoint } = await sandboxes.attach(workspaceId, record.id);
  const answer = await fetch(`http://${endpoint.host}:${endpoint.port}/api/v1/health`, {
    headers: { 'x-atoll-token': 'no' },
  });
  expect(answer.status).toBe(401);
});

test('two creates of one name end in one sandbox', async () => {
  const { sandboxes, workspaceId } = await opened();
  const results = await Promise.allSettled(
    [1, 2, 3].map(() => sandboxes.create(workspaceId, { ...request, name: 'same' }, 10_000)),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const result of results) {
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'name_taken' });
  }
});

test('a terminate by name can be repeated', async () => {
  const { sandboxes, workspaceId } = await opened();
  const { record } = await sandboxes.create(workspaceId, { ...request, name: 'twice' }, 10_000);
  await terminate({ sandboxes, workspaceId }, 'twice');
  await terminate({ sandboxes, workspaceId }, 'twice');
  expect(sandboxes.get(workspaceId, record.id).state).toBe('terminated');
  expect(() => sandboxes.get(workspaceId, 'twice')).toThrow('no sandbox');
});

test('a name is free as soon as its sandbox has ended', async () => {
  const { sandboxes, workspaceId } = await opened();
  await sandboxes.create(workspaceId, { ...request, name: 'again' }, 10_000);
  await terminate({ sandboxes, workspaceId }, 'again');
  const second = await sandboxes.create(workspaceId, { ...request, name: 'again' }, 10_000);
  expect(sandboxes.get(workspaceId, 'again').id).toBe(second.record.id);
});

test('terminate wins over a create in flight', async () => {
  const started = Promise.withResolvers<void>();
  const { sandboxes, workspaceId, driver } = await opened((real) => ({
    ...real,
    start: async (slot, spec, signal) => {
      started.resolve();
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      return real.start(slot, spec, signal);
    },
  }));
  const creating = sandboxes.create(workspaceId, { ...request, name: 'slow' }, 10_000);
  await Promise.all([
    started.promise,
    expect(creating).rejects.toMatchObject({ code: 'conflict' }),
    started.promise.then(() => terminate({ sandboxes, workspaceId }, 'slow')),
  ]);
  const [record] = sandboxes.list(workspaceId);
  expect(record).toMatchObject({ state: 'terminated', terminationReason: 'terminated_by_user' });
  expect(record?.slotId).toBeUndefined();
  // Slots are made ahead of time all the while.
  await expect.poll(async () => (await driver.list()).length - sandboxes.countReady()).toBe(0);
});

test('a create that waits for its turn can be terminated', async () => {
  const { sandboxes, workspaceId } = await opened((real) => ({
    ...real,
    start: async (slot, spec, signal) => {
      await sleep(300, undefined, { signal });
      return real.start(slot, spec, signal);
    },
  }));
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const creates = Promise.allSettled(
    names.map((name) => sandboxes.create(workspaceId, { ...request, name }, 10_000)),
  );
  await terminate({ sandboxes, workspaceId }, 'f');
  const results = await creates;
  expect(results.map(({ status }) => status)).toEqual([...Array(5).fill('fulfilled'), 'rejected']);
});

test('more creates than may wait are refused as too busy', async () => {
  const { sandboxes, workspaceId } = await opened();
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, () => sandboxes.create(workspaceId, request, 20_000)),
  );
  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused).toHaveLength(6);
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'too_busy', status: 503 });
});

test('a terminate of all callers is one terminate', async () => {
  let removals = 0;
  const { sandboxes, workspaceId } = await opened((real) => ({
    ...real,
    remove: async (slotId) => {
      removals += 1;
      await real.remove(slotId);
    },
  }));
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  await Promise.all([1, 2, 3].map(() => terminate({ sandboxes, workspaceId }, record.id)));
  await terminate({ sandboxes, workspaceId }, record.id);
  expect(removals).toBe(1);
});

test('a terminate that failed is carried to its end by the next one', async () => {
  let broken = true;
  const { sandboxes, workspaceId } = await opened((real) => ({
    ...real,
    remove: (slotId) => (broken ? Promise.reject(new Error('the host is stuck')) : real.remove(slotId)),
  }));
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  await expect(terminate({ sandboxes, workspaceId }, record.id)).rejects.toThrow('the host is stuck');
  broken = false;
  await terminate({ sandboxes, workspaceId }, record.id);
  expect(sandboxes.get(workspaceId, record.id)).toMatchObject({ state: 'terminated' });
});

test('a start that fails once gets another slot', async () => {
  let failures = 1;
  const { sandboxes, workspaceId } = await opened((real) => ({
    ...real,
    start: (slot, spec, signal) =>
      failures-- > 0 ? Promise.reject(new Error('the slot had died')) : real.start(slot, spec, signal),
  }));
  expect((await sandboxes.create(workspaceId, request, 10_000)).kind).toBe('running');
});

test('a start that fails leaves a failed record and nothing on the host', async () => {
  const { sandboxes, workspaceId, driver } = await opened((real) => ({
    ...real,
    start: () => Promise.reject(new Error('no')),
  }));
  await expect(sandboxes.create(workspaceId, request, 10_000)).rejects.toMatchObject({
    code: 'start_failed',
  });
  expect(sandboxes.list(workspaceId)[0]).toMatchObject({
    state: 'failed',
    terminationReason: 'start_failed',
  });
  // Slots are made ahead of time all the while.
  await expect.poll(async () => (await driver.list()).length - sandboxes.countReady()).toBe(0);
});

test('a create outlasts the patience of its caller', async () => {
  const { sandboxes, workspaceId } = await opened((real) => ({
    ...real,
    start: async (slot, spec, signal) => {
      await sleep(200, undefined, { signal });
      return real.start(slot, spec, signal);
    },
  }));
  const created = await sandboxes.create(workspaceId, request, 20);
  expect(created.kind).toBe('timeout');
  await expect
    .poll(() => sandboxes.get(workspaceId, created.record.id).state, { timeout: 5_000 })
    .toBe('running');
});

test('a sandbox whose agent is killed ends with the reason', async () => {
  const { sandboxes, workspaceId } = await opened();
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  const { endpoint, token } = await sandboxes.attach(workspaceId, record.id);
  await fetch(`http://${endpoint.host}:${endpoint.port}/api/v1/processes/run`, {
    method: 'POST',
    headers: { 'x-atoll-token': token },
    body: JSON.stringify({ command: 'sh', args: ['-c', 'kill -9 $PPID'] }),
  }).catch(() => {});
  await expect.poll(() => sandboxes.get(workspaceId, record.id).state, { timeout: 5_000 }).toBe('terminated');
  expect(sandboxes.get(workspaceId, record.id).terminationReason).toBe('agent_exited');
});

test('the next process adopts what runs and frees what no record owns', async () => {
  const dir = await tempDir();
  const first = await openSandboxes(dir);
  const { record } = await first.sandboxes.create(first.workspaceId, request, 10_000);
  await first.driver.prepare(
    { id: 'orphan00', endpoint: { host: '127.0.0.1', port: 0 }, limits: usualLimits },
    AbortSignal.timeout(1000),
  );
  await first.abandon();
  const second = await openSandboxes(dir);
  expect(second.reconciled).toMatchObject({ adopted: 1 });
  expect(second.reconciled.freedSlots).toBeGreaterThanOrEqual(1);
  expect((await second.sandboxes.attach(second.workspaceId, record.id)).endpoint.port).toBeGreaterThan(0);
  await terminate(second, record.id);
  await second.abandon();
});

test('an unnamed sandbox ends when its timeout has passed without traffic', async () => {
  const { sandboxes, workspaceId } = await opened();
  const { record } = await sandboxes.create(workspaceId, { ...request, timeoutSecs: 1 }, 10_000);
  const { release } = await sandboxes.attach(workspaceId, record.id);
  await sleep(1_800);
  expect(sandboxes.get(workspaceId, record.id).state).toBe('running');
  release();
  await expect.poll(() => sandboxes.get(workspaceId, record.id).state, { timeout: 3_000 }).toBe('terminated');
  expect(sandboxes.get(workspaceId, record.id).outcome).toBe('Success(Timeout)');
});

test('sandboxes of another workspace are not there', async () => {
  const { sandboxes, workspaceId } = await opened();
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  expect(() => sandboxes.get('project_other', record.id)).toThrow(
    expect.objectContaining({ code: 'sandbox_not_found' }),
  );
});

/** Asks the agent for its processes; answers the HTTP status. */
async function ask({ sandboxes, workspaceId }: Opened, identifier: string): Promise<number> {
  const { endpoint, token, release } = await sandboxes.attach(workspaceId, identifier);
  const url = `http://${endpoint.host}:${endpoint.port}/api/v1/processes`;
  const answer = await fetch(url, { headers: { 'x-atoll-token': token } }).finally(release);
  return answer.status;
}

test('a suspended sandbox is woken by requests, once for all of them', async () => {
  let thaws = 0;
  const server = await opened((real) => ({
    ...real,
    thaw: async (slotId) => {
      thaws += 1;
      await sleep(50);
      await real.thaw(slotId);
    },
  }));
  const { sandboxes, workspaceId } = server;
  const { record } = await sandboxes.create(workspaceId, { ...request, name: 'sleeper' }, 10_000);
  await sandboxes.suspend(sandboxes.get(workspaceId, record.id));
  expect(sandboxes.get(workspaceId, 'sleeper').state).toBe('suspended');
  const statuses = await Promise.all(Array.from({ length: 10 }, () => ask(server, 'sleeper')));
  expect([statuses, thaws]).toEqual([Array(10).fill(200), 1]);
  expect(sandboxes.get(workspaceId, 'sleeper')).toMatchObject({ state: 'running', incarnation: 1 });
});

test('suspend and resume are idempotent, and an unnamed sandbox is not suspended', async () => {
  const { sandboxes, workspaceId } = await opened();
  const { record } = await sandboxes.create(workspaceId, request, 10_000);
  const current = () => sandboxes.get(workspaceId, record.id);
  await expect(sandboxes.suspend(current())).rejects.toMatchObject({ code: 'invalid_state', status: 400 });
  sandboxes.update(workspaceId, record.id, { name: 'named' });
  await Promise.all([sandboxes.suspend(current()), sandboxes.suspend(current())]);
  await sandboxes.suspend(current());
  expect(current().state).toBe('suspended');
  await Promise.all([sandboxes.resume(current()), sandboxes.resume(current())]);
  await sandboxes.resume(current());
  expect(current().state).toBe('running');
});

test('a suspended sandbox can be terminated', async () => {
  const { sandboxes, workspaceId } = await opened();
  const { record } = await sandboxes.create(workspaceId, { ...request, name: 'frozen' }, 10_000);
  await sandboxes.suspend(sandboxes.get(workspaceId, 'frozen'));
  await terminate({ sandboxes, workspaceId }, 'frozen');
  expect(sandboxes.get(workspaceId, record.id).state).toBe('terminated');
  await expect(sandboxes.resume(sandboxes.get(workspaceId, record.id))).rejects.toMatchObject({
    code: 'invalid_state',
  });
});

test('terminate wins over a suspend in flight', async () => {
  const frozen = Promise.withResolvers<void>();
  const { sandboxes, workspaceId } = await opened((real) => ({
    ...real,
    freeze: async (slotId) => {
      frozen.resolve();
      await sleep(100);
      await real.freeze(slotId);
    },
  }));
  const { record } = await sandboxes.create(workspaceId, { ...request, name: 'both' }, 10_000);
  const suspending = sandboxes.suspend(sandboxes.get(workspaceId, 'both'));
  await frozen.promise;
  await Promise.all([suspending, terminate({ sandboxes, workspaceId }, 'both')]);
  expect(sandboxes.get(workspaceId, record.id).state).toBe('terminated');
});

test('a freeze that fails leaves the sandbox running', async () => {
  const server = await opened((real) => ({ ...real, freeze: () => Promise.reject(new Error('stuck')) }));
  const { sandboxes, workspaceId } = server;
  await sandboxes.create(workspaceId, { ...request, name: 'awake' }, 10_000);
  await expect(sandboxes.suspend(sandboxes.get(workspaceId, 'awake'))).rejects.toThrow('stuck');
  expect(sandboxes.get(workspaceId, 'awake').operation).toBeUndefined();
  expect(await ask(server, 'awake')).toBe(200);
});

test('a named sandbox sleeps when its timeout has passed, and its clock starts anew when it wakes', async () => {
  const server = await opened();
  const { sandboxes, workspaceId } = server;
  await sandboxes.create(workspaceId, { ...request, name: 'napper', timeoutSecs: 1 }, 10_000);
  const state = () => sandboxes.get(workspaceId, 'napper').state;
  await expect.poll(state, { timeout: 3_000 }).toBe('suspended');
  expect(await ask(server, 'napper')).toBe(200);
  expect(state()).toBe('running');
  await expect.poll(state, { timeout: 3_000 }).toBe('suspended');
});

test('the next process adopts a suspended sandbox and can wake it', async () => {
  const dir = await tempDir();
  const first = await openSandboxes(dir);
  await first.sandboxes.create(first.workspaceId, { ...request, name: 'asleep' }, 10_000);
  await first.sandboxes.suspend(first.sandboxes.get(first.workspaceId, 'asleep'));
  await first.abandon();
  const second = await openSandboxes(dir);
  expect(second.reconciled).toMatchObject({ adopted: 1 });
  expect(second.sandboxes.get(second.workspaceId, 'asleep').state).toBe('suspended');
  expect(await ask(second, 'asleep')).toBe(200);
  await terminate(second, 'asleep');
  await second.abandon();
});
