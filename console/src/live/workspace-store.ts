import type {
  Build,
  ImageInfo,
  SandboxInfo,
  SandboxPoolInfo,
  SnapshotInfo,
  WorkspaceChange,
} from '@atoll/sdk';

/** How the stream of events stands. */
export type Link = { kind: 'opening' } | { kind: 'live' } | { kind: 'broken'; since: number };

/** What the workspace holds, as far as events have told. */
export interface Workspace {
  link: Link;
  /** Whether the lists have been read since the page was opened. */
  loaded: boolean;
  sandboxes: ReadonlyMap<string, SandboxInfo>;
  snapshots: ReadonlyMap<string, SnapshotInfo>;
  images: ReadonlyMap<string, ImageInfo>;
  builds: ReadonlyMap<string, Build>;
  pools: ReadonlyMap<string, SandboxPoolInfo>;
}

/** What one reading of all lists gives. */
export type Lists = Omit<Workspace, 'link' | 'loaded'>;

export type WorkspaceStore = ReturnType<typeof createWorkspaceStore>;

const nothing: Workspace = {
  link: { kind: 'opening' },
  loaded: false,
  sandboxes: new Map(),
  snapshots: new Map(),
  images: new Map(),
  builds: new Map(),
  pools: new Map(),
};

const mapOf = {
  sandbox: 'sandboxes',
  snapshot: 'snapshots',
  image: 'images',
  build: 'builds',
  pool: 'pools',
} as const;

/**
 * One copy of the workspace for all pages. Changes are taken in at once and shown together, at most ten times a second:
 * many agents change much, and a page that is drawn for each would leave no time for who types on it.
 */
export function createWorkspaceStore(schedule: (show: () => void) => void = showSoon) {
  let shown = nothing;
  let next = nothing;
  /** Lists that were copied since the last time all was shown: those may be changed in place. */
  const own = new Map<string, Map<string, unknown>>();
  const listeners = new Set<() => void>();
  const show = (): void => {
    if (next === shown) return;
    shown = next;
    own.clear();
    for (const listener of listeners) listener();
  };
  const change = (changes: Partial<Workspace>): void => {
    const isFirst = next === shown;
    next = { ...next, ...changes };
    if (isFirst) schedule(show);
  };
  return {
    subscribe: (listener: () => void): (() => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    get: (): Workspace => shown,
    setLink: (link: Link): void => change({ link }),
    /** Replaces all lists. Events are applied afterwards, in their order. */
    replace: (lists: Lists): void => {
      own.clear();
      change({ ...lists, loaded: true });
    },
    apply: (event: WorkspaceChange): void => {
      if (!('target' in event)) return;
      const name = mapOf[event.kind];
      const changed = own.get(name) ?? new Map<string, unknown>(next[name]);
      own.set(name, changed);
      if (event.now === undefined) changed.delete(event.target);
      else changed.set(event.target, event.now);
      change({ [name]: changed });
    },
  };
}

const SHOW_EVERY_MS = 100;
const showSoon = (show: () => void): void => void setTimeout(show, SHOW_EVERY_MS);
