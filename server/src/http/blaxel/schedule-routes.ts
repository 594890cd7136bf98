import * as routes from '@atoll/protocol';
import type { BlaxelSchedule, BlaxelScheduleBody, BlaxelScheduleExecution } from '@atoll/protocol';
import type { Clock } from '../../lib/clock.ts';
import { withoutUndefined } from '../../lib/without-undefined.ts';
import type { DeployedSandboxes } from '../../sandbox/deployed-sandboxes.ts';
import type { ScheduleRequest, Schedules } from '../../sandbox/schedules.ts';
import type { SandboxRecord } from '../../store/sandbox-store.ts';
import type { Schedule, ScheduleExecution } from '../../store/schedule-store.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { bindBlaxel } from './blaxel-version.ts';
import { listOf } from './list-page.ts';
import { HIDDEN } from './sandbox-request.ts';
import { readSpan } from './time-span.ts';

export interface BlaxelScheduleRoutesOptions {
  deployed: Pick<DeployedSandboxes, 'living'>;
  schedules: Schedules;
  clock: Clock;
}

/** Schedules of sandboxes, and what they have done (wire 1.5). */
export function blaxelScheduleRoutes({ deployed, schedules, clock }: BlaxelScheduleRoutesOptions): Binding[] {
  const sandboxOf = ({ name }: { name: string }, { caller }: RequestContext): SandboxRecord =>
    deployed.living(caller.workspace.id, name);
  return [
    bindBlaxel(routes.listBlaxelSchedules, ({ params, query }, context) =>
      listOf(schedules.list(sandboxOf(params, context)), shownTo(context), query, context),
    ),
    bindBlaxel(routes.createBlaxelSchedule, ({ params, body }, context) =>
      shownTo(context)(schedules.create(sandboxOf(params, context), toRequest(body, clock.now()))),
    ),
    bindBlaxel(routes.getBlaxelSchedule, ({ params }, context) =>
      shownTo(context)(schedules.get(sandboxOf(params, context), params.schedule)),
    ),
    bindBlaxel(routes.replaceBlaxelSchedule, ({ params, body }, context) => {
      const asked = toRequest(body, clock.now());
      return shownTo(context)(schedules.replace(sandboxOf(params, context), params.schedule, asked));
    }),
    bindBlaxel(routes.deleteBlaxelSchedule, ({ params }, context) =>
      shownTo(context)(schedules.remove(sandboxOf(params, context), params.schedule)),
    ),
    bindBlaxel(routes.listBlaxelScheduleExecutions, ({ params, query }, context) =>
      listOf(schedules.executions(sandboxOf(params, context)), toExecution, query, context),
    ),
    bindBlaxel(routes.listAllBlaxelSchedules, ({ query }, context) =>
      listOf(schedules.listAll(context.caller.workspace.id), shownTo(context), query, context),
    ),
    bindBlaxel(routes.listAllBlaxelScheduleExecutions, ({ query }, context) =>
      listOf(schedules.listAllExecutions(context.caller.workspace.id), toExecution, query, context),
    ),
  ];
}

const isoTime = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString();

/** A `sleep` is the moment at which it is over, seen from now. */
function toRequest({ type, value, input, maxExecutions }: BlaxelScheduleBody, now: number): ScheduleRequest {
  const { command, name, env, workingDir, timeout, keepAlive } = input;
  return withoutUndefined({
    ...(type === 'sleep'
      ? { type: 'at' as const, value: new Date(now + spanMs(value)).toISOString() }
      : { type, value }),
    maxExecutions: maxExecutions ?? undefined,
    input: withoutUndefined({
      command,
      name: name ?? undefined,
      env: env ?? undefined,
      workingDir: workingDir ?? undefined,
      timeoutSecs: timeout ?? undefined,
      keepAlive: keepAlive ?? undefined,
    }),
  });
}

const spanMs = (value: string): number => readSpan(/^\d+$/.test(value) ? `${value}s` : value) * 1000;

/** Variables of commands often are secrets: who may run no commands sees their names alone. */
const shownTo =
  ({ caller }: RequestContext) =>
  ({ input, nextAt, ...one }: Schedule): BlaxelSchedule => {
    const { timeoutSecs: timeout, env, ...command } = input;
    const shownEnv =
      env && caller.role === 'viewer'
        ? Object.fromEntries(Object.keys(env).map((name) => [name, HIDDEN]))
        : env;
    return withoutUndefined({
      id: one.id,
      type: one.type,
      value: one.value,
      input: withoutUndefined({ ...command, env: shownEnv, timeout }),
      maxExecutions: one.maxExecutions,
      nextAt: isoTime(nextAt),
      createdAt: new Date(one.createdAt).toISOString(),
    });
  };

const toExecution = (one: ScheduleExecution): BlaxelScheduleExecution =>
  withoutUndefined({
    id: one.id,
    scheduleId: one.scheduleId,
    createdAt: new Date(one.createdAt).toISOString(),
    executedAt: isoTime(one.executedAt),
    statusCode: one.statusCode,
    processName: one.processName,
    timeout: one.timeoutSecs,
    error: one.error,
  });
