import { appendFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { seed } from '../chaos/random.ts';
import { sandboxCalls } from '../fixtures/counting-sandbox.ts';
import { findDriversUnderTest } from '../fixtures/driver-under-test.ts';
import { openHttpStage } from '../fixtures/http-stage.ts';
import { lives, playLife } from '../fixtures/lifecycle-play.ts';
import { useServer } from '../fixtures/server.ts';

const gvisor = (await findDriversUnderTest()).find(({ name }) => name === 'gvisor');
const TIMEOUT_MS = 120_000;
const isLong = process.env['ATOLL_TEST_LONG'] === '1';
const BIG_BYTES = isLong ? 200_000_000 : 50_000_000;
/** What is played by then is enough; the table itself is tried in thousands of lives on the runtime that is quick. */
const PLAY_FOR_MS = isLong ? 300_000 : 8_000;
const MAX_LIVES = 1_000;
const MAX_STEPS = 8;
/** About as long as a checkpoint takes, so pairs meet at all stages of each other. */
const MAX_GAP_MS = 300;

describe.runIf(gvisor !== undefined && gvisor.obstacle === undefined)('checkpoints on disk', () => {
  const server = useServer({ runtime: 'gvisor', args: ['--slots', '1'] });
  let calls: ReturnType<typeof sandboxCalls>;
  beforeAll(() => {
    calls = sandboxCalls(server());
  });
  const logOf = async (id: string) => {
    const { body } = await calls.send('GET', id, '/logs?head=1000');
    return (body['logs'] as { body: string }[]).map((line) => line.body);
  };
  const checkpoints = () => readdir(join(server().dataDir, 'checkpoints'));
  const fiveOf = async (id: string): Promise<string[]> => {
    const { status, body } = await calls.copy(id, 5);
    expect(status, JSON.stringify(body)).toBe(200);
    const copies = body['sandboxes'] as { sandbox_id: string; status: string }[];
    expect(copies.map((copy) => copy.status)).toEqual(Array.from({ length: 5 }, () => 'running'));
    const ids = copies.map((copy) => copy.sandbox_id);
    expect(new Set(ids).size).toBe(5);
    return ids;
  };
  /** The one that is kept ready included. */
  const countPods = async () =>
    (await server().census()).filter((line) => / runsc-sandbox /.test(line)).length;

  test(
    'a sandbox sleeps on disk over a server that is killed, and counts on from its number',
    async () => {
      const id = await calls.create('sleeper');
      await calls.run(id, `head -c ${BIG_BYTES} /dev/zero | tr "\\\\0" x > /big; echo kept > /root/file`);
      await calls.beginCounting(id, isLong ? 'python3' : 'perl');
      const before = await calls.count(id);
      await calls.suspend(id);
      const [checkpoint = ''] = await checkpoints();
      expect(await checkpoints()).toHaveLength(1);
      const dir = join(server().dataDir, 'checkpoints', checkpoint);
      expect((await stat(dir)).mode & 0o777).toBe(0o700);
      for (const file of await readdir(dir)) expect((await stat(join(dir, file))).mode & 0o777).toBe(0o600);
      await expect.poll(countPods, { timeout: 30_000 }).toBeLessThanOrEqual(1);
      await server().kill9();
      await server().restart();
      calls = sandboxCalls(server());
      expect((await calls.get(id))['status']).toBe('suspended');
      // Any request wakes it.
      const after = await calls.count(id);
      expect(after).toBeGreaterThan(before);
      expect(await calls.run(id, 'stat -c %s /big; cat /root/file')).toBe(`${BIG_BYTES}\nkept`);
      expect((await calls.get(id))['status']).toBe('running');
      expect(await checkpoints()).toEqual([]);
      await calls.suspend(id);
      expect(await calls.resume(id)).toMatchObject({ status: 202 });
      expect(await calls.count(id)).toBeGreaterThan(after);
      await calls.run(id, 'echo before; echo and after');
      // Its log goes on through all of that, without a line twice.
      await expect.poll(() => logOf(id), { timeout: 30_000 }).toContain('and after');
      expect((await logOf(id)).filter((line) => line === 'kept')).toEqual(['kept']);
      const copies = isLong ? await fiveOf(id) : [];
      for (const copy of copies) {
        expect(await calls.count(copy)).toBeGreaterThan(after);
        expect(await calls.run(copy, 'stat -c %s /big; cat /root/file')).toBe(`${BIG_BYTES}\nkept`);
      }
      await Promise.all([id, ...copies].map(calls.terminate));
    },
    isLong ? 3 * TIMEOUT_MS : TIMEOUT_MS,
  );

  test(
    'five copies count on from the number of their source, each by itself',
    async () => {
      const id = await calls.create('source');
      await calls.beginCounting(id);
      const before = await calls.count(id);
      await calls.run(id, 'echo printed by the source');
      const copies = await fiveOf(id);
      for (const copy of copies) expect(await calls.count(copy)).toBeGreaterThan(before);
      const ids = await Promise.all([id, ...copies].map((copy) => calls.run(copy, 'cat /etc/machine-id')));
      expect(new Set(ids).size).toBe(6);
      await calls.run(copies[0] ?? '', 'echo mine > /mine');
      expect(await calls.run(id, 'ls /mine 2>/dev/null; true')).toBe('');
      await calls.run(copies[0] ?? '', 'echo printed by the copy');
      await expect.poll(() => logOf(copies[0] ?? ''), { timeout: 30_000 }).toContain('printed by the copy');
      expect(await logOf(copies[0] ?? '')).not.toContain('printed by the source');
      await Promise.all([id, ...copies].map(calls.terminate));
      await expect.poll(checkpoints, { timeout: 30_000 }).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'a suspended sandbox is copied from its files and goes on sleeping',
    async () => {
      const id = await calls.create('asleep');
      await calls.beginCounting(id);
      const before = await calls.count(id);
      await calls.suspend(id);
      const impatient = await server().fetch(`/v1/namespaces/default/sandboxes/${id}/copy?times=1`, {
        method: 'POST',
        headers: { 'x-tensorlake-request-timeout-ms': '1' },
      });
      const { sandboxes: late } = (await impatient.json()) as { sandboxes: { sandbox_id: string }[] };
      expect([impatient.status, late]).toEqual([504, [expect.objectContaining({ status: 'timeout' })]]);
      const lateId = late[0]?.sandbox_id ?? '';
      await expect.poll(async () => (await calls.get(lateId))['status'], { timeout: 60_000 }).toBe('running');
      expect(await calls.count(lateId)).toBeGreaterThan(before);
      await calls.terminate(lateId);
      const answer = await calls.copy(id, 1);
      expect(answer.status).toBe(200);
      const [copy] = answer.body['sandboxes'] as { sandbox_id: string }[];
      expect(await calls.count(copy?.sandbox_id ?? '')).toBeGreaterThan(before);
      expect((await calls.get(id))['status']).toBe('suspended');
      await calls.terminate(copy?.sandbox_id ?? '');
      expect(await checkpoints()).toHaveLength(1);
      await calls.terminate(id);
      await expect.poll(checkpoints, { timeout: 30_000 }).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'files that have changed are not restored, and the sandbox says why',
    async () => {
      const id = await calls.create('changed');
      await calls.suspend(id);
      const [checkpoint = ''] = await checkpoints();
      await appendFile(join(server().dataDir, 'checkpoints', checkpoint, 'pages.img'), 'x');
      const answer = await calls.resume(id);
      expect(answer).toMatchObject({ status: 409, body: { code: 'checkpoint_unusable' } });
      expect(await calls.get(id)).toMatchObject({
        status: 'suspended',
        error_details: { message: expect.stringContaining('pages.img') as string },
      });
      const reason = expect.stringContaining('pages.img') as string;
      expect(await calls.copy(id, 2)).toMatchObject({
        status: 422,
        body: { source_sandbox_id: id, sandboxes: [1, 2].map(() => ({ status: 'failed', reason })) },
      });
      expect((await calls.get(id))['status']).toBe('suspended');
      await calls.terminate(id);
    },
    TIMEOUT_MS,
  );

  test(
    `whatever is asked of a sandbox, alone or two things at once, it ends where the table leads (ATOLL_TEST_SEED=${seed})`,
    async () => {
      const stage = await openHttpStage(server());
      const enough = AbortSignal.timeout(PLAY_FOR_MS);
      const played = fc.asyncProperty(lives(MAX_STEPS, MAX_GAP_MS), (steps) =>
        playLife(stage, steps, enough),
      );
      await fc.assert(played, { seed, numRuns: MAX_LIVES, endOnFailure: true });
      calls = sandboxCalls(server());
      await calls.terminate(await stage.subject());
    },
    PLAY_FOR_MS + TIMEOUT_MS,
  );

  test('more copies than there may be are refused before anything starts', async () => {
    const id = await calls.create();
    expect(await calls.copy(id, 101)).toMatchObject({ status: 400, body: { code: 'limit_exceeded' } });
    expect(await calls.copy(id, 0)).toMatchObject({ status: 400 });
    await calls.terminate(id);
    expect(await calls.copy(id, 1)).toMatchObject({ status: 400, body: { code: 'invalid_state' } });
  });
});
