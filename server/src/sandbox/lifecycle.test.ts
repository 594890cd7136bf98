import { ApiError } from '@atoll/protocol';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import type { Answer, Verb } from '../../../test/fixtures/lifecycle-model.ts';
import { lives, playLife } from '../../../test/fixtures/lifecycle-play.ts';
import type { Stage } from '../../../test/fixtures/lifecycle-play.ts';
import { openSandboxes, request, terminate } from '../../../test/fixtures/open-sandboxes.ts';
import { withCheckpoints } from '../../../test/fixtures/stand-in-checkpoints.ts';
import { tempDir } from '../../../test/fixtures/temp-dir.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { isEnded } from './lifecycle.ts';

const NAME = 'subject';
const isLong = process.env['ATOLL_TEST_LONG'] === '1';
/** What is played by then is enough: how many lives that are depends on the machine. */
const PLAY_FOR_MS = isLong ? 120_000 : 5_000;
const MAX_STEPS = 12;
/** Operations on this runtime take that long, so pairs meet at all stages of each other. */
const MAX_GAP_MS = 25;
const CALL_TIMEOUT_MS = 20_000;

type Server = Awaited<ReturnType<typeof openSandboxes>>;

test(
  'whatever is asked of a sandbox, alone or two things at once, it ends where the table leads',
  { timeout: PLAY_FOR_MS + 60_000 },
  async () => {
    const dir = await tempDir();
    const open = () => openSandboxes(dir, withCheckpoints);
    let server = await open();
    onTestFinished(() => endAll(server), 60_000);
    const restart = async (): Promise<void> => {
      await endServer(server);
      server = await open();
    };
    const stage = await openStage(() => server, restart);
    const enough = AbortSignal.timeout(PLAY_FOR_MS);
    const played = fc.asyncProperty(lives(MAX_STEPS, MAX_GAP_MS), (steps) => playLife(stage, steps, enough));
    await fc.assert(played, { endOnFailure: true, numRuns: isLong ? 1_000 : 100 });
  },
);

async function endServer(server: Server): Promise<void> {
  await server.snapshots.close();
  await server.abandon();
}

async function endAll(server: Server): Promise<void> {
  const { list } = server.sandboxes;
  await Promise.all(list(server.workspaceId).map(({ id }) => terminate(server, id)));
  await server.sandboxes.close();
  expect(await server.driver.list()).toEqual([]);
  await endServer(server);
}

async function openStage(current: () => Server, restart: () => Promise<void>): Promise<Stage> {
  const { workspaceId } = current();
  const get = (id: string): SandboxRecord => current().sandboxes.get(workspaceId, id);
  const create = async (): Promise<string> => {
    const asked = { ...request, name: NAME };
    return (await current().sandboxes.create(workspaceId, asked, CALL_TIMEOUT_MS)).record.id;
  };
  /** Of whoever has the name now. */
  const find = (): string | undefined =>
    current()
      .sandboxes.list(workspaceId)
      .find(({ name, state }) => name === NAME && !isEnded(state))?.id;
  const settled = async (id: string): Promise<SandboxRecord> => {
    const isSettled = (): boolean => get(id).operation === undefined;
    await expect.poll(isSettled, { timeout: CALL_TIMEOUT_MS, interval: 5 }).toBe(true);
    return get(id);
  };
  const first = await create();
  const { id: snapshotId } = await current().sandboxes.snapshot(get(first), 'filesystem');
  await settled(first);
  const calls: Record<Verb, (id: string) => Promise<unknown>> = {
    create,
    suspend: async (id) => current().sandboxes.suspend(get(id)),
    resume: async (id) => current().sandboxes.resume(get(id)),
    request: async (id) => (await current().sandboxes.attach(workspaceId, id)).release(),
    snapshot: async (id) => current().sandboxes.snapshot(get(id), 'filesystem'),
    copy: async (id) => copyOnce(current(), get(id)),
    rollback: async (id) => current().sandboxes.rollback(get(id), { snapshotId }),
    terminate: async (id) => current().sandboxes.terminate(get(id)),
  };
  return {
    restart,
    perform: (verb, id) => answerOf(() => calls[verb](id)),
    subject: async () => find() ?? create(),
    world: async (id) => {
      const { state } = await settled(id);
      const isPlain = state === 'running' || state === 'suspended';
      return { subject: isPlain ? state : 'ended', hasSuccessor: ![undefined, id].includes(find()) };
    },
  };
}

/** The copy has done its part once it runs. */
async function copyOnce(server: Server, source: SandboxRecord): Promise<void> {
  const [copied] = await server.sandboxes.copy(source, { times: 1, timeoutMs: CALL_TIMEOUT_MS });
  if (copied?.kind !== 'running') throw new Error(`the copy is ${copied?.kind}`);
  await terminate(server, copied.record.id);
}

async function answerOf(call: () => Promise<unknown>): Promise<Answer> {
  try {
    await call();
    return { code: 'ok', message: '' };
  } catch (error) {
    if (error instanceof ApiError) return { code: error.code, message: error.message };
    return { code: 'internal', message: String(error) };
  }
}
