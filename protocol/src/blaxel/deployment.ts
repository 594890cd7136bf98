/** Images that are built of what a client uploads (blaxel wire 1.7). Field names are the wire's. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { blaxelName } from './sandbox.ts';

const tag = 'Blaxel builds';

/** Images are of sandboxes here, however the client calls them. */
export const blaxelResourceType = z.enum(['sandbox', 'sandboxes', '_']);

export const createBlaxelImage = defineRoute({
  id: 'createBlaxelImage',
  method: 'POST',
  paths: ['/v0/images'],
  summary: 'Build an image of an upload (`upload=true`), or of an image of another registry',
  tag,
  access: 'member',
  query: z.object({
    upload: z.enum(['true', 'false']).optional(),
    'skip-build': z.enum(['true', 'false']).optional(),
    workspace: z.string().optional(),
  }),
  body: z.looseObject({
    name: blaxelName,
    resourceType: blaxelResourceType.default('sandbox'),
    /** A reference of another registry. */
    image: z.string().min(1).max(512).nullish(),
    /** Of docker, as JSON: credentials for that registry. Used once and not kept. */
    dockerConfig: z.string().max(1_000_000).nullish(),
  }),
  response: z.object({
    message: z.string(),
    name: z.string(),
    resourceType: z.string(),
    image: z.string().optional(),
    build: z.boolean().optional(),
  }),
  status: 200,
  errors: ['invalid_request', 'quota_exceeded', 'image_not_found', 'too_busy'],
});

export const uploadBlaxelSource = defineRoute({
  id: 'uploadBlaxelSource',
  method: 'PUT',
  paths: ['/v0/uploads/{token}'],
  summary: 'Send the files of a build, as ZIP or tar. The URL is the right to do so, once',
  tag,
  access: 'public',
  params: z.object({ token: z.string() }),
  bodyKind: 'stream',
  response: z.object({ message: z.string() }),
  status: 200,
  errors: ['not_found', 'invalid_request', 'limit_exceeded', 'conflict', 'too_busy'],
});

export const getBlaxelBuildLogs = defineRoute({
  id: 'getBlaxelBuildLogs',
  method: 'GET',
  paths: ['/v0/sandboxes/{name}/build-logs'],
  summary: 'What the last build of a name told, as text',
  tag,
  access: 'viewer',
  params: z.object({ name: z.string() }),
  query: z.object({ workspace: z.string().optional() }),
  responseKind: 'stream',
  status: 200,
  errors: ['not_found'],
});

const logLine = z.object({
  timestamp: z.string(),
  message: z.string(),
  severity: z.string(),
  trace_id: z.string(),
});
export type BlaxelLogLine = z.output<typeof logLine>;

export const listBlaxelLogs = defineRoute({
  id: 'listBlaxelLogs',
  method: 'GET',
  paths: ['/v0/observability/logs'],
  summary: 'What the last builds of these names told, as lines with times',
  tag,
  access: 'viewer',
  query: z.looseObject({
    workloadIds: z.string().max(2000),
    limit: z.coerce.number().int().min(1).max(10_000).default(1000),
    offset: z.coerce.number().int().min(0).default(0),
    start: z.string().optional(),
    end: z.string().optional(),
    severity: z.string().optional(),
    search: z.string().max(256).optional(),
  }),
  response: z.record(z.string(), z.object({ logs: z.array(logLine), totalCount: z.number() })),
  status: 200,
  errors: ['invalid_request'],
});
