import type { SandboxInfo } from '@atoll/sdk';

/** What the list can be narrowed to. */
export const views = ['living', 'running', 'suspended', 'terminated', 'all'] as const;
export type View = (typeof views)[number];

/** The view that a URL names. */
export const viewOf = (name: string | null): View => views.find((view) => view === name) ?? 'living';

const belongs: Readonly<Record<View, (status: string) => boolean>> = {
  living: (status) => status !== 'terminated',
  running: (status) => status === 'running' || status === 'snapshotting' || status === 'pending',
  suspended: (status) => status === 'suspended' || status === 'suspending',
  terminated: (status) => status === 'terminated',
  all: () => true,
};

/** The sandboxes of a view whose name, id or image holds the text, newest first. */
export function filterSandboxes(all: Iterable<SandboxInfo>, view: View, text: string): SandboxInfo[] {
  const wanted = text.trim().toLowerCase();
  const holds = ({ name = '', sandboxId, image = '' }: SandboxInfo): boolean =>
    wanted === '' || [name, sandboxId, image].some((value) => value.toLowerCase().includes(wanted));
  return [...all]
    .filter((sandbox) => belongs[view](sandbox.status) && holds(sandbox))
    .toSorted((a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0));
}

/** How many sandboxes each view has. */
export function countViews(all: Iterable<SandboxInfo>): Record<View, number> {
  const counts = { living: 0, running: 0, suspended: 0, terminated: 0, all: 0 };
  for (const { status } of all) for (const view of views) if (belongs[view](status)) counts[view] += 1;
  return counts;
}
