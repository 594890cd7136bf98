import { defaultImage } from '@atoll/protocol';
import type { PoolBody, PoolInfo } from '@atoll/protocol';
import { usualLimits } from '../../sandbox/admission.ts';
import { noRules } from '../../sandbox/network-rules.ts';
import type { Pool } from '../../sandbox/pool.ts';
import type { PoolContainer, PoolRequest } from '../../sandbox/pools.ts';
import { toSandboxRequest } from './sandbox-request.ts';
import { toFileSystemMount, toNetwork, toResources } from './sandbox-view.ts';

/** A pool of the Tensorlake wire in the domain's words. In an update, an absent network stays as it is, null is none. */
export function toPoolRequest(body: PoolBody): PoolRequest {
  const { warm_containers, max_containers, ...each } = body;
  const { network, ...template } = toSandboxRequest(each);
  return {
    template: { ...template, ...(body.network !== undefined && network && { network }) },
    ...(warm_containers != null && { warmContainers: warm_containers }),
    ...(max_containers != null && { maxContainers: max_containers }),
  };
}

/** What is seen of a pool beside its record. */
interface Seen {
  containers: PoolContainer[];
  error: string | undefined;
}

/** Pools are all on this machine. */
const EXECUTOR = 'local';

/** A pool in the words of the Tensorlake wire (1.6); in lists without its containers. */
export function toPoolInfo(pool: Pool, namespace: string, seen?: Seen): PoolInfo {
  const { template } = pool;
  return {
    pool_id: pool.id,
    namespace,
    image: template.image ?? defaultImage,
    resources: toResources({ ...usualLimits, ...template.limits }),
    timeout_secs: template.timeoutSecs ?? 0,
    warm_containers: pool.warmContainers,
    network_policy: toNetwork(template.network ?? noRules),
    created_at: pool.createdAt,
    updated_at: pool.updatedAt,
    ...(template.entrypoint && { entrypoint: template.entrypoint }),
    ...(template.secretNames && { secret_names: template.secretNames }),
    ...(template.volumes && { file_systems: template.volumes.map(toFileSystemMount) }),
    ...(pool.maxContainers !== undefined && { max_containers: pool.maxContainers }),
    ...(seen && { containers: seen.containers.map(toContainer) }),
    ...(seen?.error !== undefined && { error_details: { message: seen.error } }),
  };
}

/** A container is called as the sandbox that it becomes. */
const toContainer = ({ id, isClaimed }: PoolContainer) => ({
  id,
  state: isClaimed ? ('Running' as const) : ('Idle' as const),
  sandbox_id: isClaimed ? id : null,
  executor_id: EXECUTOR,
});
