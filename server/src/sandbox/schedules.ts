import { ApiError } from '@atoll/protocol';
import { startProcess } from '../agent/start-process.ts';
import type { StartAnswer } from '../agent/start-process.ts';
import type { Clock } from '../lib/clock.ts';
import { nextCronTime } from '../lib/cron.ts';
import { randomId } from '../lib/id.ts';
import type { Log } from '../lib/log.ts';
import { withoutUndefined } from '../lib/without-undefined.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type {
  Schedule,
  ScheduledCommand,
  ScheduleExecution,
  ScheduleStore,
} from '../store/schedule-store.ts';
import { isEnded } from './lifecycle.ts';
import type { Sandboxes } from './sandboxes.ts';

export interface ScheduleRequest {
  type: Schedule['type'];
  /** An expression of cron in UTC, or a moment. */
  value: string;
  input: ScheduledCommand;
  maxExecutions?: number;
}

export interface SchedulesOptions {
  store: ScheduleStore;
  sandboxes: Pick<Sandboxes, 'attach' | 'get'>;
  clock: Clock;
  log: Log;
}

export type Schedules = ReturnType<typeof createSchedules>;

const MAX_SCHEDULES = 100;
const KEPT_EXECUTIONS = 200;
/** Timers hold no longer times, and clocks are set. */
const LONGEST_SLEEP_MS = 60_000;

/**
 * Commands that sandboxes run at certain times, and wake for. One timer waits for what is due next of all. A schedule is
 * moved on before its command is sent, so that no command is sent twice: what the server dies in is on record as cut. What
 * was due while the server was down is done once, late.
 */
export function createSchedules({ store, sandboxes, clock, log }: SchedulesOptions) {
  const closing = new AbortController();
  const underWay = new Set<Promise<void>>();
  let timer: NodeJS.Timeout | undefined;

  const nextOf = (
    { type, value, maxExecutions = Infinity }: ScheduleRequest,
    executions: number,
  ): number | undefined => {
    if (executions >= maxExecutions) return undefined;
    if (type === 'at') return executions === 0 ? Date.parse(value) : undefined;
    return nextCronTime(value, clock.now());
  };

  const execute = async (one: Schedule, executionId: string): Promise<void> => {
    const end = (answer: Partial<StartAnswer>): void => store.end(executionId, clock.now(), answer);
    try {
      const { record, endpoint, token, release } = await sandboxes.attach(
        one.workspaceId,
        one.sandboxId,
        true,
      );
      try {
        const process = { ...one.input, timeout: one.input.timeoutSecs, timeoutSecs: undefined };
        end(await startProcess(endpoint, token, process, closing.signal));
      } finally {
        release();
      }
      log.debug({ sandboxId: record.id, scheduleId: one.id }, 'ran what was scheduled');
    } catch (error) {
      if (closing.signal.aborted) return; // the next process says that it was cut
      if (!(error instanceof ApiError)) log.warn({ scheduleId: one.id, err: error }, 'a schedule failed');
      end({ error: error instanceof ApiError ? error.message : 'the sandbox did not answer' });
    }
  };

  /** Nothing is done for a sandbox that has ended; its schedules stay to be read. */
  const hasEnded = ({ workspaceId, sandboxId }: Schedule): boolean => {
    try {
      return isEnded(sandboxes.get(workspaceId, sandboxId).state);
    } catch {
      return true;
    }
  };

  const begin = (one: Schedule): void => {
    const executionId = `exec_${randomId(20)}`;
    const isOver = hasEnded(one);
    store.transaction(() => {
      store.advance(one.id, isOver ? undefined : nextOf(one, one.executions + 1));
      if (isOver) return;
      const { id: scheduleId, workspaceId, sandboxId, input } = one;
      const { timeoutSecs } = input;
      const execution = { id: executionId, scheduleId, workspaceId, sandboxId, createdAt: clock.now() };
      store.begin(withoutUndefined({ ...execution, timeoutSecs }), KEPT_EXECUTIONS);
    });
    if (isOver) return;
    const work = execute(one, executionId).finally(() => underWay.delete(work));
    underWay.add(work);
  };

  const wait = (): void => {
    clearTimeout(timer);
    const next = store.nextAt();
    if (next === undefined || closing.signal.aborted) return;
    const ms = Math.min(LONGEST_SLEEP_MS, Math.max(0, next - clock.now()));
    timer = setTimeout(run, ms).unref();
  };

  function run(): void {
    try {
      store.due(clock.now()).forEach(begin);
    } catch (err) {
      // A full disk, perhaps: it is tried again, but not in a circle.
      log.error({ err }, 'schedules cannot be begun');
      timer = setTimeout(run, LONGEST_SLEEP_MS).unref();
      return;
    }
    wait();
  }

  const write = (one: Schedule): Schedule => {
    store.put(one);
    wait();
    return one;
  };

  const require = (record: SandboxRecord, id: string): Schedule => {
    const one = store.find(record.id, id);
    if (one) return one;
    throw new ApiError('not_found', `sandbox ${record.name ?? record.id} has no schedule ${id.slice(0, 80)}`);
  };

  return {
    create: (record: SandboxRecord, asked: ScheduleRequest): Schedule => {
      check(asked, clock.now());
      if (store.ofSandbox(record.id).length >= MAX_SCHEDULES)
        throw new ApiError('limit_exceeded', `a sandbox has ${MAX_SCHEDULES} schedules at most`);
      const { id: sandboxId, workspaceId } = record;
      const own = {
        id: `sched_${randomId(20)}`,
        workspaceId,
        sandboxId,
        executions: 0,
        createdAt: clock.now(),
      };
      return write(withoutUndefined({ ...asked, ...own, nextAt: nextOf(asked, 0) }));
    },
    /** What it has done so far counts no more where it is of another time. */
    replace: (record: SandboxRecord, id: string, asked: ScheduleRequest): Schedule => {
      check(asked, clock.now());
      const { workspaceId, sandboxId, executions, createdAt } = require(record, id);
      const done = asked.type === 'at' ? 0 : executions;
      const own = { id, workspaceId, sandboxId, executions, createdAt };
      return write(withoutUndefined({ ...asked, ...own, nextAt: nextOf(asked, done) }));
    },
    get: require,
    list: (record: SandboxRecord): Schedule[] => store.ofSandbox(record.id),
    listAll: store.ofWorkspace,
    remove: (record: SandboxRecord, id: string): Schedule => {
      const one = require(record, id);
      store.remove(id);
      return one;
    },
    executions: (record: SandboxRecord): ScheduleExecution[] => store.executionsOf('sandbox', record.id),
    listAllExecutions: (workspaceId: string): ScheduleExecution[] =>
      store.executionsOf('workspace', workspaceId),
    /** Begins to wait; what an earlier process had begun is on record as cut. */
    open: (): void => {
      store.endAll(clock.now(), 'the server stopped before the sandbox had answered');
      run();
    },
    close: async (): Promise<void> => {
      closing.abort();
      clearTimeout(timer);
      await Promise.allSettled(underWay);
    },
  };
}

function check({ type, value, maxExecutions }: ScheduleRequest, now: number): void {
  if (maxExecutions !== undefined && maxExecutions < 1)
    throw new ApiError('invalid_request', 'maxExecutions is at least 1');
  if (type === 'at') {
    if (Number.isNaN(Date.parse(value)))
      throw new ApiError('invalid_request', `${JSON.stringify(value.slice(0, 40))} is no moment`);
    return;
  }
  if (nextCron(value, now) === undefined)
    throw new ApiError('invalid_request', `${JSON.stringify(value.slice(0, 40))} names no time that comes`);
}

function nextCron(value: string, now: number): number | undefined {
  try {
    return nextCronTime(value, now);
  } catch (cause) {
    const why = cause instanceof RangeError ? cause.message : 'it cannot be read';
    throw new ApiError('invalid_request', `the cron expression is wrong: ${why}`, { cause });
  }
}
