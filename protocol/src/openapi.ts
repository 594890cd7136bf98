import { z } from 'zod';
import { errorTable } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import type { Route } from './route.ts';

type Json = Record<string, unknown>;

const everywhere: readonly ErrorCode[] = ['unauthenticated', 'forbidden', 'internal'];

/** The routes as an OpenAPI 3.1 document. The preferred spelling of each path is listed, the others named. */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    (paths[route.paths[0]] ??= {})[route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Atoll', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: errorSchema },
    },
  };
}

const errorSchema = z.toJSONSchema(
  z.object({
    error: z.string(),
    code: z.string(),
    message: z.string(),
    hint: z.string().optional(),
    request_id: z.string().optional(),
  }),
);

function operation(route: Route): Json {
  const otherPaths = route.paths.slice(1);
  return {
    operationId: route.id,
    summary: route.summary,
    tags: [route.tag],
    ...(otherPaths.length > 0 && {
      description: `Also at ${otherPaths.map((path) => `\`${path}\``).join(', ')}.`,
    }),
    ...(route.access === 'public' && { security: [] }),
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query')],
    ...(route.body && { requestBody: { required: true, content: jsonContent(route.body, 'input') } }),
    ...(route.bodyKind === 'stream' && {
      requestBody: { required: true, content: { 'application/octet-stream': {} } },
    }),
    responses: { ...success(route), ...failures(route) },
  };
}

function parameters(schema: z.ZodObject | undefined, place: 'path' | 'query'): Json[] {
  if (!schema) return [];
  return Object.entries(schema.shape).map(([name, type]) => ({
    name,
    in: place,
    required: place === 'path' || !z.safeParse(type, undefined).success,
    schema: jsonSchema(type, 'input'),
  }));
}

function success(route: Route): Json {
  const content = route.response
    ? { content: jsonContent(route.response, 'output') }
    : route.responseKind === 'stream'
      ? { content: { '*/*': {} } }
      : {};
  return { [route.status]: { description: 'Success', ...content } };
}

function failures(route: Route): Json {
  const codesByStatus = new Map<number, ErrorCode[]>();
  for (const code of [...route.errors, ...everywhere]) {
    const { status } = errorTable[code];
    codesByStatus.set(status, [...(codesByStatus.get(status) ?? []), code]);
  }
  const content = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  return Object.fromEntries(
    [...codesByStatus].map(([status, codes]) => [status, { description: codes.join(', '), content }]),
  );
}

const jsonContent = (schema: z.ZodType, io: 'input' | 'output'): Json => ({
  'application/json': { schema: jsonSchema(schema, io) },
});

function jsonSchema(schema: z.core.$ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
