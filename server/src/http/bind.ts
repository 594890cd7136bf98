import { ApiError } from '@atoll/protocol';
import type { Route, RouteInput, RouteResult } from '@atoll/protocol';
import type { z } from 'zod';
import type { RequestContext } from './request-context.ts';

export type Handler<R extends Route> = (
  input: RouteInput<R>,
  context: RequestContext,
) => RouteResult<R> | Promise<RouteResult<R>>;

/** What comes off the wire, before it is parsed. */
export interface RawInput {
  params: unknown;
  query: unknown;
  body: Buffer | undefined;
  /** Whether the body says that it is form-encoded. */
  isForm: boolean;
}

/** A route with the code that answers it. */
export interface Binding {
  route: Route;
  answer: (raw: RawInput, context: RequestContext) => Promise<unknown>;
}

/** Ties a handler to its route: the handler sees parsed input alone. */
export function bind<R extends Route>(route: R, handler: Handler<R>): Binding {
  return {
    route,
    answer: async (raw, context) => handler(parseInput(route, raw), context),
  };
}

function parseInput<R extends Route>(route: R, raw: RawInput): RouteInput<R> {
  const input = {
    params: parse(route.params, raw.params ?? {}, 'path'),
    query: parse(route.query, raw.query ?? {}, 'query'),
    body: route.body ? parse(route.body, readBody(route, raw), 'body') : undefined,
  };
  return input as RouteInput<R>; // each part was parsed by the route's own schema
}

function parse(schema: z.ZodType | undefined, value: unknown, place: string): unknown {
  if (!schema) return {};
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues
    .slice(0, 5)
    .map(({ path, message }) => `${[place, ...path].join('.')}: ${message}`);
  throw new ApiError('invalid_request', problems.join('; '));
}

const readBody = (route: Route, { body, isForm }: RawInput): unknown =>
  isForm && route.bodyKind === 'form'
    ? Object.fromEntries(new URLSearchParams(body?.toString('utf8')))
    : parseJson(body);

/** An absent body is an empty object: clients leave it out when they have nothing to say. */
function parseJson(body: Buffer | undefined): unknown {
  if (body === undefined || body.length === 0) return {};
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new ApiError(
      'malformed_json',
      `the body is not JSON: ${cause instanceof Error ? withoutExcerpt(cause.message) : cause}`,
    );
  }
}

/** The parser quotes what it could not read, which may be a secret. */
const withoutExcerpt = (message: string): string =>
  message.replace(/(?:\.\.\.)?"[^]*"(?:\.\.\.)? is not valid JSON$/, 'the body is not valid JSON');
