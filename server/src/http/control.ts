import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { ApiError } from '@atoll/protocol';
import type { Route } from '@atoll/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../lib/log.ts';
import { serverTiming, withStages } from '../lib/stage.ts';
import type { Stage } from '../lib/stage.ts';
import type { AccessWatch } from '../tenancy/access-watch.ts';
import type { Audit, AuditEvent } from '../tenancy/audit.ts';
import { requireRole } from '../tenancy/caller.ts';
import type { Caller } from '../tenancy/caller.ts';
import type { Authenticate } from './authentication.ts';
import type { BaseUrlReader } from './base-url.ts';
import { loggedPath } from './logged-path.ts';
import type { ConsoleFiles } from './console/console-files.ts';
import type { Binding, RawInput } from './bind.ts';
import { publicError, sendError } from './error-reply.ts';
import type { Metrics } from './metrics.ts';
import { preferredWaitMs } from './preferred-wait.ts';
import type { RequestContext } from './request-context.ts';

export interface ControlOptions {
  bindings: readonly Binding[];
  authenticate: Authenticate;
  access: AccessWatch;
  baseUrlOf: BaseUrlReader;
  audit: Audit;
  metrics: Metrics;
  /** Answers what no route has. */
  consoleFiles: ConsoleFiles;
  log: Log;
}

/** Puts every route of the protocol on the HTTP kernel: authentication, parsing, audit and errors in one place. */
export function mountControl(app: FastifyInstance, options: ControlOptions): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setNotFoundHandler(async (request, reply) => {
    const page = await options.consoleFiles(request);
    if (page !== undefined) return reply.code(page.status).headers(page.headers).send(page.body);
    throw new ApiError('route_not_found', `no route ${request.method} ${request.url.split('?')[0]}`);
  });
  app.setErrorHandler((error, request, reply) => fail(options.log, error, request, reply));
  const isStream = ({ route }: Binding): boolean => route.bodyKind === 'stream';
  for (const binding of options.bindings) if (!isStream(binding)) mountRoute(app, binding, options);
  void app.register((streaming, _options, done) => {
    streaming.removeAllContentTypeParsers();
    streaming.addContentTypeParser('*', (_request, payload, parsed) => parsed(null, payload));
    for (const binding of options.bindings.filter(isStream)) mountRoute(streaming, binding, options);
    done();
  });
}

/** Whether a request may send its body for as long as it likes. */
export function createStreamReader(routes: readonly Route[]) {
  const patterns = routes
    .filter(({ bodyKind }) => bodyKind === 'stream')
    .flatMap(({ method, paths }) =>
      paths.map((path) => ({ method, pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`) })),
    );
  return ({ method, url }: Pick<IncomingMessage, 'method' | 'url'>): boolean =>
    patterns.some((one) => one.method === method && one.pattern.test(url?.split('?')[0] ?? ''));
}

function mountRoute(app: FastifyInstance, binding: Binding, options: ControlOptions): void {
  const { route } = binding;
  for (const path of route.paths) {
    app.route({
      method: route.method,
      url: path.replace(/\{(\w+)\}/g, ':$1'),
      handler: (request, reply) => withStages((stages) => answer(binding, options, request, reply, stages)),
    });
  }
}

async function answer(
  binding: Binding,
  options: ControlOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  stages: readonly Stage[],
): Promise<FastifyReply> {
  const startedAt = performance.now();
  const { route } = binding;
  const raw = rawInput(request);
  const event: AuditEvent = { action: route.id, result: 'ok', ...targetOf(request), address: request.ip };
  const stopTimer = options.metrics.timeRequest(route.id);
  try {
    const gone = leaving(reply);
    const caller = enter(binding, options, request, reply, event, gone);
    reply.code(route.status);
    const context = requestContext(options, request, reply, caller, event, gone.signal);
    const body = await binding.answer(raw, context);
    reply.header('server-timing', serverTiming(stages, performance.now() - startedAt));
    return reply.send(isStream(body) ? Readable.from(body) : body);
  } catch (error) {
    event.result = publicError(error).code;
    throw error;
  } finally {
    stopTimer(event.result);
    if (isChange(route)) options.audit.record(event);
  }
}

/** They change nothing. That SSH agents are lent is on record, not each question to them. */
const unrecorded = new Set(['introspectKey', 'answerSshRequest']);
const isChange = (route: Route): boolean => route.method !== 'GET' && !unrecorded.has(route.id);

const isStream = (body: unknown): body is AsyncIterable<string> =>
  typeof body === 'object' && body !== null && Symbol.asyncIterator in body;

/** Aborts when the client goes away before it has its answer. */
function leaving(reply: FastifyReply): AbortController {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new ApiError('invalid_request', 'the client went away'));
  });
  return gone;
}

/** A stream is followed only as long as its reader would be let in. */
function enter(
  { route }: Binding,
  options: ControlOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  event: AuditEvent,
  gone: AbortController,
): Caller | undefined {
  if (route.responseKind !== 'stream') return admit(route, options, request, event);
  const { admitted, leave } = options.access.enter(
    () => {
      const caller = admit(route, options, request, event);
      return { caller, endsAt: caller?.endsAt ?? Infinity };
    },
    () => gone.abort(new ApiError('unauthenticated', 'the access that the stream was opened with has ended')),
  );
  reply.raw.once('close', leave);
  return admitted.caller;
}

/** Authenticates in the workspace that the path names and checks the role. */
function admit(
  route: Route,
  options: ControlOptions,
  request: FastifyRequest,
  event: AuditEvent,
): Caller | undefined {
  if (route.access === 'public') return undefined;
  const caller = options.authenticate(request.raw, workspaceOf(request));
  // Before the role is checked: what somebody was refused is on record too.
  event.caller = caller;
  requireOrganization(caller, pathParam(request, 'organization'));
  requireRole(caller, route.access);
  return caller;
}

const pathParam = (request: FastifyRequest, name: string): string | undefined => {
  const params = request.params as Record<string, string | undefined>; // fastify's own path parameters
  return params[name];
};

const workspaceOf = (request: FastifyRequest): string | undefined =>
  pathParam(request, 'ns') ?? pathParam(request, 'workspace') ?? pathParam(request, 'project');

/** The platform API names the account too (wire 1.7). */
function requireOrganization(caller: Caller, organization: string | undefined): void {
  if (organization === undefined || organization === caller.account.id) return;
  throw new ApiError('not_found', `no organization ${organization.slice(0, 80)} that this key may use`);
}

function rawInput(request: FastifyRequest): RawInput {
  const body = request.body instanceof Buffer ? request.body : undefined;
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '');
  return { params: request.params, query: request.query, body, isForm };
}

const targetOf = (request: FastifyRequest): { target?: string } => {
  const target = pathParam(request, 'memberId') ?? pathParam(request, 'id') ?? pathParam(request, 'name');
  return target === undefined ? {} : { target };
};

const DEFAULT_TIMEOUT_MS = 300_000;

function timeoutOf(request: FastifyRequest): number {
  const asked = Number(request.headers['x-tensorlake-request-timeout-ms']);
  return Number.isFinite(asked) && asked > 0 ? Math.min(asked, DEFAULT_TIMEOUT_MS * 12) : DEFAULT_TIMEOUT_MS;
}

function requestContext(
  options: ControlOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller | undefined,
  event: AuditEvent,
  signal: AbortSignal,
): RequestContext {
  return {
    get caller(): Caller {
      if (!caller) throw new Error('a public route has no caller');
      return caller;
    },
    address: request.ip,
    // Where fastify has not wrapped it: a request without a body has an empty one.
    body: request.body instanceof Readable ? request.body : request.raw,
    header: (name) => request.raw.headersDistinct[name]?.[0],
    baseUrl: options.baseUrlOf(request.raw),
    timeoutMs: timeoutOf(request),
    preferredWaitMs: preferredWaitMs(request.raw.headersDistinct['prefer']?.join()),
    signal,
    status: (code) => void reply.code(code),
    answerHeader: (name, value) => void reply.header(name, value),
    setCookie: (cookie) => void reply.header('set-cookie', cookie),
    contentType: (type) => void reply.type(type),
    target: (id) => {
      event.target = id;
    },
    actor: (who) => {
      event.caller = who;
    },
  };
}

function fail(log: Log, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const shown = publicError(error);
  if (shown.status === 500) {
    const cause = shown.cause ?? error;
    log.error(
      { requestId: request.id, method: request.method, path: loggedPath(request), err: cause },
      shown.message,
    );
  }
  return sendError(reply, shown, request);
}
