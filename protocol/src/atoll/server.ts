/** What the server says about itself. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Server';

export const health = defineRoute({
  id: 'health',
  method: 'GET',
  paths: ['/healthz'],
  summary: 'Whether the server answers',
  tag,
  access: 'public',
  response: z.object({ status: z.literal('ok'), version: z.string() }),
  status: 200,
  errors: [],
});

export const metrics = defineRoute({
  id: 'metrics',
  method: 'GET',
  paths: ['/metrics'],
  summary: 'Counters and gauges in the Prometheus text format (operator only)',
  tag,
  access: 'admin',
  responseKind: 'stream',
  status: 200,
  errors: [],
});

export const openApi = defineRoute({
  id: 'openApi',
  method: 'GET',
  paths: ['/openapi.json'],
  summary: 'This API as an OpenAPI 3.1 document',
  tag,
  access: 'viewer',
  response: z.record(z.string(), z.unknown()),
  status: 200,
  errors: [],
});
