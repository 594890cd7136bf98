import type { Socket } from 'node:net';
import {
  ApiError,
  asksForKeysAlone,
  readSshAgentMessages,
  sshAgentFailure,
  toSshAgentMessage,
} from '@atoll/protocol';
import type { SshAnswer, SshEvent } from '@atoll/protocol';
import { randomId } from '../lib/id.ts';

/** How the processes of one step come to an agent of the client's. */
export interface LentAgent {
  /** Answers a connection of a process. */
  serve(connection: Socket): void;
  /** Why something that was asked was not answered. What came of the step is then not what its author wants to keep. */
  trouble(): string | undefined;
}

type Outcome = { message: Uint8Array } | { error: string };

interface Asked {
  event: Extract<SshEvent, { type: 'request' }>;
  settle: (outcome: Outcome) => void;
  timer: NodeJS.Timeout | undefined;
}

/** The client that lends now. */
interface Lender {
  untold: SshEvent[];
  wake: () => void;
  /** Ends its lending for another's. */
  replace: () => void;
}

export interface LendingLimits {
  /** How long a request waits for the client to come, or to come back. */
  takeWithinMs: number;
  /** How long the client may take: somebody may have to touch a key, or to say yes. */
  answerWithinMs: number;
  /** Proxies cut connections on which nothing is said for a minute. */
  idleMs: number;
}

const usualLimits: LendingLimits = { takeWithinMs: 10_000, answerWithinMs: 120_000, idleMs: 15_000 };
const MAX_CONNECTIONS = 64;

export type SshLending = ReturnType<typeof createSshLending>;

/**
 * The SSH agents that the client of a build lends to it. Keys stay where they are: what a process asks an agent goes to the
 * client over a stream that the client has opened, one message of a connection at a time, and its answer comes back as a
 * request of its own. A client that is lost may come back; what it has not answered is then told again. All of it ends
 * with the build.
 */
export function createSshLending(names: readonly string[], given: Partial<LendingLimits> = {}) {
  const limits = { ...usualLimits, ...given };
  const waiting = new Map<string, Asked>();
  const ended = new AbortController();
  /** Connections that a client has heard of, and is to hear the end of, also if it was away meanwhile. */
  const known = new Map<string, 'open' | 'closed'>();
  let connections = 0;
  let lender: Lender | undefined;

  const tell = (event: SshEvent): void => {
    lender?.untold.push(event);
    lender?.wake();
  };
  const settle = (id: string, outcome: Outcome): void => {
    const asked = waiting.get(id);
    if (asked === undefined) return;
    waiting.delete(id);
    clearTimeout(asked.timer);
    asked.settle(outcome);
  };
  const limitWait = (asked: Asked): void => {
    clearTimeout(asked.timer);
    const error = `the client that lends the SSH agent ${asked.event.agent} ${lender ? 'did not answer in time' : 'is gone'}`;
    const ms = lender ? limits.answerWithinMs : limits.takeWithinMs;
    asked.timer = setTimeout(() => settle(asked.event.request, { error }), ms).unref();
  };
  const ask = (agent: string, connection: string, message: Uint8Array) =>
    new Promise<Outcome>((resolve) => {
      const request = randomId(20);
      const event = {
        type: 'request',
        request,
        connection,
        agent,
        message: Buffer.from(message).toString('base64'),
      } as const;
      const asked = { event, settle: resolve, timer: undefined };
      waiting.set(request, asked);
      limitWait(asked);
      tell(event);
    });
  /** Nobody waits any more for what a process has asked. */
  const drop = (connection: string): void => {
    for (const [id, { event }] of waiting)
      if (event.connection === connection) settle(id, { message: sshAgentFailure });
    // However fast connections come and go, a client that reads slowly has no more to read than it was told.
    if (lender) lender.untold = lender.untold.filter((event) => event.connection !== connection);
    if (!known.has(connection)) return;
    known.set(connection, 'closed');
    tell({ type: 'closed', connection });
  };

  const open = (name: string): LentAgent => {
    let trouble: string | undefined;
    const answer = async (connection: Socket, id: string): Promise<void> => {
      for await (const message of readSshAgentMessages(connection)) {
        const outcome = asksForKeysAlone(message)
          ? await ask(name, id, message)
          : { message: sshAgentFailure };
        if ('error' in outcome) trouble ??= outcome.error;
        const said = toSshAgentMessage('message' in outcome ? outcome.message : sshAgentFailure);
        // Nothing more is read from a process that does not read.
        await new Promise<void>((resolve) => connection.write(said, () => resolve()));
      }
    };
    return {
      serve: (connection) => {
        if (connections >= MAX_CONNECTIONS) trouble ??= `more than ${MAX_CONNECTIONS} connections at once`;
        if (connections >= MAX_CONNECTIONS || ended.signal.aborted) return void connection.destroy();
        connections += 1;
        const id = randomId(20);
        connection.once('close', () => {
          connections -= 1;
          drop(id);
        });
        const leave = (): void => void connection.destroy();
        answer(connection, id).then(leave, leave);
      },
      trouble: () => trouble,
    };
  };

  return {
    /** Whether an agent is lent by that name. */
    has: (name: string): boolean => names.includes(name),
    open,
    /** What the client is to answer, until the build or the signal ends; `undefined` when nothing was to be told for a while. */
    lend: (signal: AbortSignal): AsyncGenerator<SshEvent | undefined> => {
      if (names.length === 0) throw new ApiError('conflict', 'the build was begun without SSH agents');
      // The same client: whose connection broke may come back before that is noticed here.
      lender?.replace();
      const replaced = new AbortController();
      const closed = [...known].filter(([, state]) => state === 'closed');
      const untold: SshEvent[] = [
        ...closed.map(([connection]) => ({ type: 'closed', connection }) as const),
        ...[...waiting.values()].map(({ event }) => event),
      ];
      const replace = (): void => replaced.abort();
      const mine: Lender = { untold, wake: () => {}, replace };
      const over = AbortSignal.any([signal, ended.signal, replaced.signal]);
      const change = (now: typeof lender): void => {
        lender = now;
        for (const asked of waiting.values()) limitWait(asked);
      };
      change(mine);
      over.addEventListener('abort', () => change(undefined), { once: true });
      if (over.aborted) change(undefined);
      return toldTo(mine, known, { idleMs: limits.idleMs, over });
    },
    /** What the client says to a request. One that nobody waits for any more is dropped. */
    answer: ({ request, message, error }: SshAnswer): void =>
      settle(
        request,
        message === undefined
          ? { error: `the SSH agent does not answer: ${error ?? 'the client did not say why'}` }
          : { message: Buffer.from(message, 'base64') },
      ),
    end: (): void => {
      ended.abort();
      for (const id of waiting.keys()) settle(id, { error: 'the build has ended' });
    },
  };
}

async function* toldTo(
  lender: Lender,
  known: Map<string, 'open' | 'closed'>,
  { idleMs, over }: { idleMs: number; over: AbortSignal },
): AsyncGenerator<SshEvent | undefined> {
  while (!over.aborted) {
    const event = lender.untold.shift();
    if (event?.type === 'request') known.set(event.connection, 'open');
    if (event?.type === 'closed') known.delete(event.connection);
    if (event) yield event;
    else if (!(await hears(lender, idleMs, over))) yield undefined;
  }
}

/** Waits for something to tell, or for the end; false when neither came in time. */
function hears(lender: Lender, idleMs: number, over: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (heard: boolean) => (): void => {
      clearTimeout(timer);
      over.removeEventListener('abort', wake);
      lender.wake = () => {};
      resolve(heard);
    };
    const wake = settle(true);
    const timer = setTimeout(settle(false), idleMs);
    lender.wake = wake;
    over.addEventListener('abort', wake, { once: true });
  });
}
