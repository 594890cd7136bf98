import type { AuditActor } from '../tenancy/audit.ts';
import type { Readable } from 'node:stream';
import type { Caller } from '../tenancy/caller.ts';

/** What a handler knows of a request beside its parsed input. */
export interface RequestContext {
  /** Who calls. Throws on routes that need no key. */
  readonly caller: Caller;
  /** Where the client calls from. */
  readonly address: string;
  /** Scheme and host that the client used; every URL of an answer begins with it. */
  readonly baseUrl: string;
  /** How long the client is willing to wait (X-Tensorlake-Request-Timeout-Ms). */
  readonly timeoutMs: number;
  /** How long it would rather wait for the result than hear that the work has begun; 0 where it does not say. */
  readonly preferredWaitMs: number;
  /** Aborts when the client goes away before it has its answer. */
  readonly signal: AbortSignal;
  /** The body as it comes, on routes whose body is a stream. */
  readonly body: Readable;
  /** A header of the request, by its name in lower case. */
  header(name: string): string | undefined;
  /** Answers with another status than the route's. */
  status(code: number): void;
  /** Adds a header to the answer. */
  answerHeader(name: string, value: string): void;
  /** Has the browser keep a cookie. */
  setCookie(cookie: string): void;
  /** Answers with something else than JSON. */
  contentType(type: string): void;
  /** Names what a change was about, for the audit record. */
  target(id: string): void;
  /** Says who made a change on a route that needs no key. */
  actor(who: AuditActor): void;
}
