import { SandboxConnectionError, toWorkspaceChange } from '@atoll/sdk';
import { isSignedOut } from '../session/clients.ts';
import type { Clients } from '../session/clients.ts';
import type { Lists, WorkspaceStore } from './workspace-store.ts';

interface Options {
  clients: Clients;
  store: WorkspaceStore;
  /** There is no session any more. */
  onSignedOut: () => void;
  signal: AbortSignal;
}

const PAUSE_MS = 2_000;

/**
 * Keeps the store as the server is, until the signal: reads all lists once the stream stands, then what the stream
 * tells. After a break it goes on behind the last event; where the server has forgotten that far, it reads anew.
 */
export async function followWorkspace(options: Options): Promise<void> {
  const { store, signal } = options;
  const seen: Seen = { after: undefined };
  while (!signal.aborted) {
    try {
      await followOnce(options, seen);
    } catch (error) {
      if (signal.aborted) return;
      if (isSignedOut(error)) return options.onSignedOut();
      broken(store);
    }
    await pause(PAUSE_MS, signal);
  }
}

interface Seen {
  after: number | undefined;
}

async function followOnce({ clients, store, signal }: Options, seen: Seen): Promise<void> {
  const stream = clients.admin.events({ after: seen.after, signal, onBreak: () => broken(store) });
  for await (const event of stream) {
    const change = toWorkspaceChange(event);
    if (change.kind === 'lost' || (change.kind === 'following' && !store.get().loaded))
      store.replace(await readLists(clients, signal));
    store.setLink({ kind: 'live' });
    store.apply(change);
    seen.after = event.id;
  }
  throw new SandboxConnectionError('the stream of events ended');
}

/** The time of the first break counts: it says since when the page is old. */
function broken(store: WorkspaceStore): void {
  if (store.get().link.kind !== 'broken') store.setLink({ kind: 'broken', since: Date.now() });
}

/** Read after the stream stands, so nothing is missed: what changes meanwhile comes after it. */
async function readLists({ sandboxes, admin, builds }: Clients, signal: AbortSignal): Promise<Lists> {
  const [boxes, snapshots, images, buildList, pools] = await Promise.all([
    sandboxes.list({ signal }),
    sandboxes.listSnapshots({ signal }),
    admin.listImages({ signal }),
    builds.list({}, { signal }),
    sandboxes.listPools({ signal }),
  ]);
  return {
    sandboxes: byKey(boxes, ({ sandboxId }) => sandboxId),
    snapshots: byKey(snapshots, ({ snapshotId }) => snapshotId),
    images: byKey(images, ({ name }) => name),
    builds: byKey(buildList, ({ id }) => id),
    pools: byKey(pools, ({ poolId }) => poolId),
  };
}

const byKey = <T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T> =>
  new Map(items.map((item) => [keyOf(item), item]));

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
