/** Commands that sandboxes run at certain times, in the Blaxel dialect (blaxel wire 1.5). */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Blaxel schedules';

const input = z.looseObject({
  command: z.string().min(1).max(100_000),
  name: z.string().max(200).nullish(),
  env: z.record(z.string(), z.string()).nullish(),
  workingDir: z.string().max(4096).nullish(),
  timeout: z.number().int().min(0).nullish(),
  keepAlive: z.boolean().nullish(),
});

export const blaxelScheduleBody = z.looseObject({
  type: z.enum(['cron', 'at', 'sleep']),
  /** An expression of cron in UTC, a moment, or a time span. */
  value: z.string().min(1).max(256),
  input,
  maxExecutions: z.number().int().nullish(),
});
export type BlaxelScheduleBody = z.output<typeof blaxelScheduleBody>;

export const blaxelSchedule = z.object({
  id: z.string(),
  type: z.enum(['cron', 'at']),
  value: z.string(),
  input: z.record(z.string(), z.unknown()),
  maxExecutions: z.number().optional(),
  /** When it runs next; absent when it is done. */
  nextAt: z.string().optional(),
  createdAt: z.string(),
});
export type BlaxelSchedule = z.output<typeof blaxelSchedule>;

export const blaxelScheduleExecution = z.object({
  id: z.string(),
  scheduleId: z.string(),
  createdAt: z.string(),
  executedAt: z.string().optional(),
  statusCode: z.number().optional(),
  processName: z.string().optional(),
  timeout: z.number().optional(),
  error: z.string().optional(),
});
export type BlaxelScheduleExecution = z.output<typeof blaxelScheduleExecution>;

const meta = z.object({ hasMore: z.boolean(), nextCursor: z.string().optional(), total: z.number() });
const listOf = <T extends z.ZodType>(item: T) =>
  z.union([z.array(item), z.object({ data: z.array(item), meta })]);

const pageQuery = z.looseObject({
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).optional(),
  workspace: z.string().optional(),
});
const workspaceQuery = z.object({ workspace: z.string().optional() });
const sandboxParams = z.object({ name: z.string() });
const scheduleParams = sandboxParams.extend({ schedule: z.string() });
const one = '/v0/sandboxes/{name}/schedules/{schedule}';

export const listBlaxelSchedules = defineRoute({
  id: 'listBlaxelSchedules',
  method: 'GET',
  paths: ['/v0/sandboxes/{name}/schedules'],
  summary: 'The schedules of a sandbox',
  tag,
  access: 'viewer',
  params: sandboxParams,
  query: pageQuery,
  response: listOf(blaxelSchedule),
  status: 200,
  errors: ['sandbox_not_found'],
});

export const createBlaxelSchedule = defineRoute({
  id: 'createBlaxelSchedule',
  method: 'POST',
  paths: ['/v0/sandboxes/{name}/schedules'],
  summary: 'Have a sandbox run a command at certain times; it wakes for that',
  tag,
  access: 'member',
  params: sandboxParams,
  query: workspaceQuery,
  body: blaxelScheduleBody,
  response: blaxelSchedule,
  status: 200,
  errors: ['invalid_request', 'sandbox_not_found', 'limit_exceeded'],
});

export const getBlaxelSchedule = defineRoute({
  id: 'getBlaxelSchedule',
  method: 'GET',
  paths: [one],
  summary: 'A schedule',
  tag,
  access: 'viewer',
  params: scheduleParams,
  query: workspaceQuery,
  response: blaxelSchedule,
  status: 200,
  errors: ['sandbox_not_found', 'not_found'],
});

export const replaceBlaxelSchedule = defineRoute({
  id: 'replaceBlaxelSchedule',
  method: 'PUT',
  paths: [one],
  summary: 'Change a schedule',
  tag,
  access: 'member',
  params: scheduleParams,
  query: workspaceQuery,
  body: blaxelScheduleBody,
  response: blaxelSchedule,
  status: 200,
  errors: ['invalid_request', 'sandbox_not_found', 'not_found'],
});

export const deleteBlaxelSchedule = defineRoute({
  id: 'deleteBlaxelSchedule',
  method: 'DELETE',
  paths: [one],
  summary: 'End a schedule; what it has begun goes on',
  tag,
  access: 'member',
  params: scheduleParams,
  query: workspaceQuery,
  response: blaxelSchedule,
  status: 200,
  errors: ['sandbox_not_found', 'not_found'],
});

export const listBlaxelScheduleExecutions = defineRoute({
  id: 'listBlaxelScheduleExecutions',
  method: 'GET',
  paths: ['/v0/sandboxes/{name}/schedule-executions'],
  summary: 'What schedules of a sandbox have begun, newest first',
  tag,
  access: 'viewer',
  params: sandboxParams,
  query: pageQuery,
  response: listOf(blaxelScheduleExecution),
  status: 200,
  errors: ['sandbox_not_found'],
});

export const listAllBlaxelSchedules = defineRoute({
  id: 'listAllBlaxelSchedules',
  method: 'GET',
  paths: ['/v0/schedules'],
  summary: 'The schedules of all sandboxes of the workspace',
  tag,
  access: 'viewer',
  query: pageQuery,
  response: listOf(blaxelSchedule),
  status: 200,
  errors: [],
});

export const listAllBlaxelScheduleExecutions = defineRoute({
  id: 'listAllBlaxelScheduleExecutions',
  method: 'GET',
  paths: ['/v0/schedule-executions'],
  summary: 'What schedules of the workspace have begun, newest first',
  tag,
  access: 'viewer',
  query: pageQuery,
  response: listOf(blaxelScheduleExecution),
  status: 200,
  errors: [],
});
