import type { SandboxInfo, SnapshotInfo } from '@atoll/sdk';
import { command } from '../../command.ts';

/** A sandbox or a snapshot, and what came from it. */
interface Node {
  id: string;
  label: string;
  at: number;
  children: Node[];
}

export const tree = command({
  name: 'tree',
  summary: 'show which sandboxes and snapshots come from which',
  args: {},
  options: {},
  failure: 'show tree',
  run: async ({ context }) => {
    const { sandboxes, signal, output } = context;
    const [living, snapshots] = await Promise.all([
      sandboxes.list({ signal }),
      sandboxes.listSnapshots({ signal }),
    ]);
    const roots = growTree(living, snapshots);
    await output.result(roots.map(toPlain), () => render(roots) || 'No sandboxes and no snapshots found.');
  },
});

/** What came from something that is no longer there stands below a place holder for it. */
function growTree(sandboxes: readonly SandboxInfo[], snapshots: readonly SnapshotInfo[]): Node[] {
  const nodes = new Map<string, Node>();
  const parents = new Map<string, string>();
  for (const sandbox of sandboxes) {
    nodes.set(sandbox.sandboxId, sandboxNode(sandbox));
    const origin = sandbox.originSnapshotId ?? sandbox.originSandboxId;
    if (origin !== undefined) parents.set(sandbox.sandboxId, origin);
  }
  for (const snapshot of snapshots) {
    nodes.set(snapshot.snapshotId, snapshotNode(snapshot));
    parents.set(snapshot.snapshotId, snapshot.sandboxId);
  }
  for (const [child, parent] of parents) {
    if (isBelow(parents, parent, child)) parents.delete(child);
  }
  for (const [child, parent] of parents) {
    const above = nodes.get(parent) ?? { id: parent, label: `${parent} (gone)`, at: 0, children: [] };
    nodes.set(parent, above);
    const below = nodes.get(child);
    if (below) above.children.push(below);
  }
  const roots = [...nodes.values()].filter(({ id }) => !parents.has(id));
  for (const { children } of nodes.values()) children.sort(byAge);
  return roots.toSorted(byAge);
}

/** A sandbox that was rolled back to a snapshot of its own is above it, not below. */
function isBelow(parents: ReadonlyMap<string, string>, id: string, above: string): boolean {
  const seen = new Set<string>();
  for (let at: string | undefined = id; at !== undefined && !seen.has(at); at = parents.get(at)) {
    if (at === above) return true;
    seen.add(at);
  }
  return false;
}

const byAge = (a: Node, b: Node): number => a.at - b.at;

const sandboxNode = ({ sandboxId, name, status, image, createdAt }: SandboxInfo): Node => ({
  id: sandboxId,
  label: ['sandbox', sandboxId, ...(name === undefined ? [] : [name]), status, image ?? ''].join(' ').trim(),
  at: createdAt?.getTime() ?? 0,
  children: [],
});

const snapshotNode = ({ snapshotId, snapshotType, status, createdAt }: SnapshotInfo): Node => ({
  id: snapshotId,
  label: `snapshot ${snapshotId} ${snapshotType} ${status}`,
  at: createdAt?.getTime() ?? 0,
  children: [],
});

function render(nodes: readonly Node[], indent = ''): string {
  return nodes
    .flatMap((node, index) => {
      const isLast = index === nodes.length - 1;
      const isRoot = indent === '';
      const branch = isRoot ? '' : isLast ? '└─ ' : '├─ ';
      const below = isRoot ? '  ' : `${indent}${isLast ? '   ' : '│  '}`;
      const line = `${isRoot ? '' : indent}${branch}${node.label}`;
      return node.children.length === 0 ? [line] : [line, render(node.children, below)];
    })
    .join('\n');
}

const toPlain = ({ id, label, children }: Node): object => ({ id, label, children: children.map(toPlain) });
