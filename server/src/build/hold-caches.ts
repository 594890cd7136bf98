import { pipeLayers } from '../image/layer-tool.ts';
import type { CacheMount, Mount } from './dockerfile/mount.ts';
import { failMount } from './mount-failure.ts';
import type { StepContext } from './step-context.ts';

const strictest = ['locked', 'private', 'shared'] as const satisfies CacheMount['sharing'][];

/**
 * Holds the caches of a RUN; returns where each lies, by its id. Each is taken once, however many targets show it, and all
 * steps take them in the same order: two that lock the same ones cannot wait for each other. What they hold meanwhile is
 * nothing else: the stages that a cache is filled from were built when the key of the step was made.
 */
export async function holdCaches(
  context: Pick<StepContext, 'cacheMounts' | 'workspaceId' | 'origins' | 'tool' | 'signal'>,
  mounts: readonly Mount[],
  released: (() => Promise<void>)[],
): Promise<ReadonlyMap<string, string>> {
  const paths = new Map<string, string>();
  for (const mount of eachOnce(mounts)) {
    const fill = (dir: string): Promise<void> => fillCache(context, mount, dir);
    const held = await context.cacheMounts.acquire(context.workspaceId, mount, fill, context.signal);
    released.push(held.release);
    paths.set(mount.id, held.path);
  }
  return paths;
}

/** One mount for each id, by its first mention, as exclusive as the strictest of them and filled from the first that says so. */
export function eachOnce(mounts: readonly Mount[]): CacheMount[] {
  const byId = new Map<string, CacheMount[]>();
  for (const mount of mounts)
    if (mount.type === 'cache') byId.set(mount.id, [...(byId.get(mount.id) ?? []), mount]);
  const merged = [...byId.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const { from, source } = same.find((mount) => mount.from) ?? first;
    const sharing = strictest.find((kind) => same.some((mount) => mount.sharing === kind)) ?? first.sharing;
    return [{ ...first, sharing, source, ...(from && { from }) }];
  });
  return merged.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

async function fillCache(
  { tool, origins, signal }: Pick<StepContext, 'tool' | 'origins' | 'signal'>,
  { from, source }: CacheMount,
  dir: string,
): Promise<void> {
  if (!from) return;
  const origin = await origins.find(from);
  const request = { sources: [{ path: source, text: source }] };
  const to = { verb: 'place', root: dir, request: { destination: '/' }, signal } as const;
  await pipeLayers(tool, { verb: 'pack', root: origin.path, request, signal }, to).catch(failMount);
}
