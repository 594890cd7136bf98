import { ApiError, defaultImage } from '@atoll/protocol';
import type { PoolRecord } from '../store/pool-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import type { Created, SandboxRequest } from './request.ts';

/** What each sandbox of a pool is made of. */
export type PoolTemplate = Omit<SandboxRequest, 'name' | 'pool' | 'inTransaction'>;

export type Pool = PoolRecord<PoolTemplate>;

/** A start that is under way. */
export interface Launched {
  record: SandboxRecord;
  start: Promise<SandboxRecord>;
  /** Its image is built first, which takes minutes. */
  isUnbuilt: boolean;
}

/** Makes a sandbox: the record is there at once, and its start goes on. */
export type Launch = (workspaceId: string, request: SandboxRequest) => Launched;

/** Makes a sandbox and waits for it as long as its caller does. */
export type Create = (workspaceId: string, request: SandboxRequest, timeoutMs: number) => Promise<Created>;

/** Nobody has claimed it yet. */
export const isWarm = ({ pool }: SandboxRecord): boolean => pool?.isWarm === true;

/** What to make for one more sandbox of the pool. */
export const requestOf = (pool: Pool, warm: boolean): SandboxRequest => ({
  ...pool.template,
  pool: { id: pool.id, generation: pool.generation, isWarm: warm },
});

/**
 * Whether a warm sandbox is what a create with the pool's template would make now: the template, the image behind its
 * name and the values of its secrets may have changed since.
 */
export function isCurrent(context: SandboxContext, pool: Pool, record: SandboxRecord): boolean {
  if (record.pool?.generation !== pool.generation) return false;
  const { secretNames } = record;
  if (secretNames && context.secrets.changedAt(pool.workspaceId, secretNames) >= record.createdAt)
    return false;
  const digest = manifestOf(context, pool);
  return digest === undefined || digest === record.manifestDigest;
}

/** An image whose name is gone stays in use where it is. */
function manifestOf(context: SandboxContext, pool: Pool): string | undefined {
  try {
    return context.images.resolve(pool.workspaceId, pool.template.image ?? defaultImage).manifestDigest;
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}

/** How many sandboxes of the pool should wait to be claimed, beside those that were. */
export function warmTarget({ warmContainers, maxContainers }: Pool, claimed: number): number {
  const room = maxContainers === undefined ? warmContainers : Math.max(0, maxContainers - claimed);
  return Math.min(warmContainers, room);
}
