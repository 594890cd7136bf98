import type { z } from 'zod';
import type { ErrorCode } from './errors.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export const roles = ['viewer', 'member', 'admin'] as const;
export type Role = (typeof roles)[number];

/** `public` routes need no key; the others a key of at least that role in the workspace they act on. */
export type Access = 'public' | Role;

/** One HTTP route as data: server, OpenAPI document and typed client all derive from it. */
export interface Route {
  /** operationId of the OpenAPI document. */
  id: string;
  method: Method;
  /** All spellings of the path, the preferred one first; parameters as `{name}`. */
  paths: readonly [string, ...string[]];
  summary: string;
  tag: string;
  access: Access;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /**
   * `stream` bodies go to the handler as they come, of any size; such a route has no `body`. `form` bodies may be
   * form-encoded as well as JSON.
   */
  bodyKind?: 'stream' | 'form';
  /** Absent where the answer has no body. */
  response?: z.ZodType;
  /** `stream` answers are passed through as they come. */
  responseKind?: 'json' | 'stream';
  status: number;
  /** What can go wrong beside the errors of every route (401, 403, 500). */
  errors: readonly ErrorCode[];
}

/** States a route; the literal types of its schemas are kept for handlers and clients. */
export const defineRoute = <const R extends Route>(route: R): R => route;

type Parsed<T> = T extends z.ZodType ? z.output<T> : Record<string, never>;
type Given<T> = T extends z.ZodType ? z.input<T> : undefined;

/** What a handler reads: parsed input. */
export interface RouteInput<R extends Route> {
  params: Parsed<R['params']>;
  query: Parsed<R['query']>;
  body: R['body'] extends z.ZodType ? z.output<R['body']> : undefined;
}

/** What a handler answers. */
export type RouteResult<R extends Route> = R['response'] extends z.ZodType
  ? z.input<R['response']>
  : R['responseKind'] extends 'stream'
    ? string | AsyncIterable<string>
    : void;

/** What a client gets. */
export type RouteAnswer<R extends Route> = R['response'] extends z.ZodType ? z.output<R['response']> : void;

/** What a client passes: only the parts that the route has. */
export type RouteCall<R extends Route> = {
  [K in 'params' | 'query' | 'body' as R[K] extends z.ZodType ? K : never]: Given<R[K]>;
};
