import {
  claimSandbox,
  copySandbox,
  createSandbox,
  createSandboxAnswer,
  deleteSandbox,
  getSandbox,
  getSandboxNetwork,
  resumeSandbox,
  suspendSandbox,
  updateSandbox,
} from '@atoll/protocol';
import type { NetworkReport, Route, RouteAnswer, RouteCall } from '@atoll/protocol';
import type { SettleOptions, WaitOptions } from './call-options.ts';
import type { Connection } from './connection.ts';
import { RemoteAPIError, SandboxError, SandboxNotFoundError } from './errors.ts';
import { PoolCalls } from './pool-calls.ts';
import { sleep } from './retry.ts';
import type { CallOptions } from './transport.ts';
import { partialCopy, toCopyResponse } from './sandbox-copy.ts';
import type { CopySandboxOptions, CopySandboxResponse } from './sandbox-copy.ts';
import {
  SandboxStatus,
  toCreateBody,
  toCreateResponse,
  toSandboxInfo,
  toUpdateBody,
} from './sandbox-info.ts';
import type {
  CreateSandboxOptions,
  CreateSandboxResponse,
  SandboxInfo,
  UpdateSandboxOptions,
} from './sandbox-info.ts';
import { withoutUndefined } from './without-undefined.ts';

export interface CreateAndConnectOptions extends CreateSandboxOptions, WaitOptions {
  /** Seconds within which the sandbox must run. Default: that of the client. */
  requestTimeout?: number;
}

export interface ClaimOptions extends WaitOptions {
  /** Seconds within which the sandbox must run. Default: that of the client. */
  requestTimeout?: number;
}

/** A sandbox that runs, and where. */
export interface RunningSandbox {
  sandboxId: string;
  name?: string;
  sandboxUrl?: string;
}

const pollPauseMs = 500;
const DEFAULT_SETTLE_SECS = 300;

/** Calls on one sandbox, shared by the client and its handles. */
export class Lifecycle {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async create(options: CreateAndConnectOptions): Promise<CreateSandboxResponse> {
    const call = { signal: options.signal, timeoutMs: this.#timeoutMs(options) };
    try {
      const input = { params: await this.namespace(), body: toCreateBody(options) };
      return toCreateResponse(await (await this.#connection.server()).call(createSandbox, input, call));
    } catch (error) {
      return timedOutCreate(error);
    }
  }

  /** Takes a sandbox of a pool. */
  async claim(poolId: string, options: ClaimOptions): Promise<CreateSandboxResponse> {
    const call = { ...withoutUndefined({ signal: options.signal }), timeoutMs: this.#timeoutMs(options) };
    try {
      const pools = new PoolCalls(this.#connection);
      return toCreateResponse(await pools.one(claimSandbox, poolId, { body: {} }, call));
    } catch (error) {
      return timedOutCreate(error);
    }
  }

  /** Claims and waits; what does not run in time, or whose caller gives up, is terminated. */
  claimRunning(poolId: string, options: ClaimOptions): Promise<RunningSandbox> {
    return this.#running(this.claim(poolId, options), options);
  }

  /** Creates and waits; what does not run in time, or whose caller gives up, is terminated. */
  createRunning(options: CreateAndConnectOptions): Promise<RunningSandbox> {
    return this.#running(this.create(options), options);
  }

  async #running(creation: Promise<CreateSandboxResponse>, options: ClaimOptions): Promise<RunningSandbox> {
    const deadline = Date.now() + this.#timeoutMs(options);
    const created = await creation;
    try {
      return await this.#untilRunning(created, deadline, options);
    } catch (error) {
      await this.delete(created.sandboxId).catch(() => undefined); // the first error says more
      throw error;
    }
  }

  async get(identifier: string, options: WaitOptions = {}): Promise<SandboxInfo> {
    return toSandboxInfo(await this.one(getSandbox, identifier, {}, options));
  }

  async update(
    identifier: string,
    changes: UpdateSandboxOptions,
    options: WaitOptions,
  ): Promise<SandboxInfo> {
    return toSandboxInfo(await this.one(updateSandbox, identifier, { body: toUpdateBody(changes) }, options));
  }

  network(identifier: string, options: WaitOptions): Promise<NetworkReport> {
    return this.one(getSandboxNetwork, identifier, {}, options);
  }

  async delete(identifier: string, options: WaitOptions = {}): Promise<void> {
    await this.one(deleteSandbox, identifier, {}, options);
  }

  /** Asks for a suspend or a resume and waits until the sandbox is there. */
  async settle(to: 'suspended' | 'running', id: string, options: SettleOptions = {}): Promise<void> {
    const { wait = true, timeout = DEFAULT_SETTLE_SECS } = options;
    const deadline = Date.now() + timeout * 1000;
    const call = wait ? { ...options, preferredWaitSecs: preferredWaitOf(timeout) } : options;
    await this.one(to === 'suspended' ? suspendSandbox : resumeSandbox, id, {}, call);
    if (!wait) return;
    for (;;) {
      const info = await this.get(id, options);
      const { status } = info;
      if (status === to) return;
      if (to === 'suspended' && status === SandboxStatus.RUNNING) throw notSuspended(info);
      if (status === SandboxStatus.TERMINATED)
        throw new SandboxError(`Sandbox ${id} terminated before it was ${to}`);
      if (Date.now() >= deadline) throw new SandboxError(`Sandbox ${id} is ${status}, not ${to}, in time`);
      await sleep(pollPauseMs, options.signal);
    }
  }

  /** Makes live copies and says what became of each. */
  async copy(id: string, options: CopySandboxOptions): Promise<CopySandboxResponse> {
    const { times = 1, signal } = options;
    const call = { timeoutMs: this.#timeoutMs(options), ...(signal && { signal }) };
    try {
      return toCopyResponse(await this.one(copySandbox, id, { query: { times } }, call));
    } catch (error) {
      return partialCopy(error);
    }
  }

  /** Calls a route whose parameters are the workspace and a sandbox. */
  async one<R extends Route>(
    route: R,
    id: string,
    rest: object,
    options: WaitOptions & Pick<CallOptions, 'timeoutMs' | 'preferredWaitSecs'>,
  ): Promise<RouteAnswer<R>> {
    const params = { ...(await this.namespace()), id };
    try {
      const input = { params, ...rest } as unknown as RouteCall<R>; // every route on one sandbox has these params
      return await (await this.#connection.server()).call(route, input, options);
    } catch (error) {
      throw notFound(error, id);
    }
  }

  async #untilRunning(
    created: CreateSandboxResponse,
    deadline: number,
    options: WaitOptions,
  ): Promise<RunningSandbox> {
    let now: CreateSandboxResponse | SandboxInfo = created;
    while (now.status !== SandboxStatus.RUNNING) {
      if (!isStarting(now.status)) throw failedStart(now);
      if (Date.now() >= deadline) throw lateStart(created);
      if (now !== created) await sleep(pollPauseMs, options.signal);
      now = await this.get(created.sandboxId, options);
    }
    return now;
  }

  async namespace(): Promise<{ ns: string }> {
    return { ns: (await this.#connection.settings()).namespace };
  }

  #timeoutMs({ requestTimeout }: { requestTimeout?: number }): number {
    return requestTimeout === undefined ? this.#connection.requestTimeoutMs : requestTimeout * 1000;
  }
}

/** As long as the server may hold back its answer: what takes longer is asked for again and again. */
export const preferredWaitOf = (timeoutSecs: number): number => Math.min(Math.ceil(timeoutSecs), 30);

const isStarting = (status: SandboxStatus) =>
  status === SandboxStatus.PENDING || status === SandboxStatus.TIMEOUT;

function failedStart(sandbox: CreateSandboxResponse | SandboxInfo): SandboxError {
  return new SandboxError(`Sandbox ${sandbox.sandboxId} ${sandbox.status} during startup${saidOf(sandbox)}`);
}

function saidOf({ errorDetails: details, terminationReason }: CreateSandboxResponse | SandboxInfo): string {
  const said =
    typeof details === 'object' && details !== null && 'message' in details ? details.message : undefined;
  const reason = said ?? terminationReason;
  return reason === undefined ? '' : `: ${String(reason)}`;
}

/** It was suspending and runs again: its memory could not be written, or a request has woken it. */
const notSuspended = (info: SandboxInfo) =>
  new SandboxError(`Sandbox ${info.sandboxId} was not suspended${saidOf(info)}`, {
    hint: 'It runs; a request to it may have woken it.',
  });

const lateStart = (created: CreateSandboxResponse) =>
  new SandboxError(`Sandbox ${created.sandboxId} did not start in time`, {
    hint: created.reason ?? 'Raise requestTimeout, or look at the log of the server.',
  });

/** A create that took too long is answered 504 with a body of its own (wire 1.3). */
function timedOutCreate(error: unknown): CreateSandboxResponse {
  if (!(error instanceof RemoteAPIError) || error.statusCode !== 504) throw error;
  const answer = createSandboxAnswer.safeParse(parseJson(error.responseBody));
  if (!answer.success) throw error;
  return toCreateResponse(answer.data);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function notFound(error: unknown, id: string): unknown {
  const isMissing = error instanceof RemoteAPIError && error.statusCode === 404;
  // 404 also stands for a workspace that the key may not use; its own message says more then.
  if (!isMissing || (error.code !== undefined && error.code !== 'sandbox_not_found')) return error;
  return new SandboxNotFoundError(id, { cause: error, hint: error.hint });
}
