import type { Route } from '@atoll/protocol';
import { causesOf, RemoteAPIError, SandboxConnectionError } from './errors.ts';

/** Pauses between the attempts of a repeatable call, in milliseconds: 1 + 5 attempts, 4.65 s in all. */
export const retryPausesMs: readonly number[] = [150, 300, 600, 1200, 2400];

/** Calls that could take effect twice, or that stream: exactly one attempt. */
const onceOnly: ReadonlySet<string> = new Set([
  'createSandbox',
  'copySandbox',
  'claimSandbox',
  'createPool',
  'runProcess',
  'followOutput',
  'writeStdin',
  'createAccount',
  'createWorkspace',
  'createKey',
  'startLogin',
  'exchangeLogin',
]);

export const isRepeatable = (route: Route): boolean => !onceOnly.has(route.id);

const busyStatuses: ReadonlySet<number> = new Set([502, 503, 504]);

/** Nothing was sent yet when these happen. The names with capitals are Bun's. */
const connectCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'ConnectionRefused',
  'FailedToOpenSocket',
]);

const codesOf = (error: unknown): string[] =>
  causesOf(error).flatMap((cause) => {
    const inner = cause instanceof AggregateError ? cause.errors : [];
    return [cause, ...inner].map((one) => (one instanceof Error && 'code' in one ? String(one.code) : ''));
  });

/** Whether the server was not reached at all. */
export const isConnectError = (error: unknown): boolean =>
  codesOf(error).some((code) => connectCodes.has(code));

/** A POST whose connection broke later may have taken effect: it is repeated only if nothing was sent. */
export function isWorthRetrying(error: unknown, method: Route['method']): boolean {
  if (error instanceof RemoteAPIError) return busyStatuses.has(error.statusCode);
  if (!(error instanceof SandboxConnectionError)) return false;
  return method !== 'POST' || isConnectError(error);
}

export interface RetryOptions {
  pausesMs: readonly number[];
  isWorthRetrying: (error: unknown) => boolean;
  signal?: AbortSignal | undefined;
}

/** Repeats `attempt` after each pause while its failure is worth it. */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (const pauseMs of options.pausesMs) {
    try {
      return await attempt();
    } catch (error) {
      if (options.signal?.aborted || !options.isWorthRetrying(error)) throw error;
      await sleep(pauseMs, options.signal);
    }
  }
  return await attempt();
}

/** Waits; an abort ends the wait by throwing the signal's reason. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
