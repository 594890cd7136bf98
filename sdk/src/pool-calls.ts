import { createPool, deletePool, getPool, listPools, updatePool } from '@atoll/protocol';
import type { Route, RouteAnswer, RouteCall } from '@atoll/protocol';
import type { WaitOptions } from './call-options.ts';
import type { Connection } from './connection.ts';
import { PoolInUseError, PoolNotFoundError, RemoteAPIError } from './errors.ts';
import { toPoolBody, toPoolInfo } from './pool-info.ts';
import type {
  CreatePoolOptions,
  CreateSandboxPoolResponse,
  SandboxPoolInfo,
  UpdatePoolOptions,
} from './pool-info.ts';

/** Calls on the pools of a workspace. */
export class PoolCalls {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async create(pool: CreatePoolOptions, options: WaitOptions): Promise<CreateSandboxPoolResponse> {
    const input = { params: await this.#namespace(), body: toPoolBody(pool) };
    const made = await (await this.#connection.server()).call(createPool, input, options);
    return { poolId: made.pool_id, namespace: made.namespace };
  }

  async list(options: WaitOptions): Promise<SandboxPoolInfo[]> {
    const input = { params: await this.#namespace() };
    const { pools } = await (await this.#connection.server()).call(listPools, input, options);
    return pools.map(toPoolInfo);
  }

  async get(poolId: string, options: WaitOptions): Promise<SandboxPoolInfo> {
    return toPoolInfo(await this.one(getPool, poolId, {}, options));
  }

  async update(poolId: string, pool: UpdatePoolOptions, options: WaitOptions): Promise<SandboxPoolInfo> {
    return toPoolInfo(await this.one(updatePool, poolId, { body: toPoolBody(pool) }, options));
  }

  async delete(poolId: string, options: WaitOptions): Promise<void> {
    await this.one(deletePool, poolId, {}, options);
  }

  /** Calls a route whose parameters are the workspace and a pool. */
  async one<R extends Route>(
    route: R,
    id: string,
    rest: object,
    options: WaitOptions & { timeoutMs?: number },
  ): Promise<RouteAnswer<R>> {
    try {
      const input = { params: { ...(await this.#namespace()), id }, ...rest } as unknown as RouteCall<R>; // every route on one pool has these params
      return await (await this.#connection.server()).call(route, input, options);
    } catch (error) {
      throw poolError(error, id);
    }
  }

  async #namespace(): Promise<{ ns: string }> {
    return { ns: (await this.#connection.settings()).namespace };
  }
}

function poolError(error: unknown, id: string): unknown {
  if (!(error instanceof RemoteAPIError)) return error;
  const { hint } = error;
  if (error.code === 'pool_not_found') return new PoolNotFoundError(id, { cause: error, hint });
  if (error.code === 'pool_in_use')
    return new PoolInUseError(id, error.responseMessage, { cause: error, hint });
  return error;
}
