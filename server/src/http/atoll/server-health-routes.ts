import * as routes from '@atoll/protocol';
import type { ServerChecks, ServerStatus } from '@atoll/protocol';
import { createSingleFlight } from '../../lib/single-flight.ts';
import { requireOperator } from '../../tenancy/caller.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import { sampledEvents } from '../sampled-events.ts';

interface Options {
  readStatus: () => Promise<ServerStatus>;
  /** Checks the machine; the signal is its deadline. */
  check: (signal: AbortSignal) => Promise<ServerChecks['checks']>;
  /** Aborts when the server stops. */
  closing: AbortSignal;
}

const CHECK_TIMEOUT_MS = 120_000;

/** How the server stands. Of the whole machine and of all workspaces, so for its operator alone. */
export function serverHealthRoutes({ readStatus, check, closing }: Options): Binding[] {
  // A check starts sandboxes of its own: however many ask, the machine is checked once at a time.
  const checking = createSingleFlight<ServerChecks>();
  const checkNow = async (): Promise<ServerChecks> => {
    const signal = AbortSignal.any([closing, AbortSignal.timeout(CHECK_TIMEOUT_MS)]);
    return { checks: await check(signal), at: Date.now() };
  };
  return [
    bind(routes.streamServerStatus, (_input, context) => {
      requireOperator(context.caller);
      context.contentType('text/event-stream');
      return sampledEvents('status', readStatus, AbortSignal.any([context.signal, closing]));
    }),
    bind(routes.checkServer, (_input, context) => {
      requireOperator(context.caller);
      return checking.join('', checkNow, context.signal);
    }),
  ];
}
