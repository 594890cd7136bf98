import type { SandboxInfo, SnapshotInfo } from '@atoll/sdk';

/** A sandbox or a snapshot, with what came from it. */
export type LineageNode = { id: string; at: number; children: LineageNode[] } & (
  | { kind: 'sandbox'; sandbox: SandboxInfo | undefined }
  | { kind: 'snapshot'; snapshot: SnapshotInfo }
);

interface Known {
  sandboxes: ReadonlyMap<string, SandboxInfo>;
  snapshots: ReadonlyMap<string, SnapshotInfo>;
}

/**
 * Everything that is related to a sandbox, from the first ancestor that is known. A snapshot comes from its sandbox; a
 * sandbox from the snapshot it was started from, or from the sandbox it is a copy of. One that was rolled back to a
 * snapshot of its own keeps its place: it did not begin there.
 */
export function lineageOf(sandboxId: string, known: Known): LineageNode {
  const root = rootOf(sandboxId, known);
  return grow(root, childrenByParent(known), known, new Set());
}

/** What something came from; absent where it began or nobody knows. */
function parentOf(id: string, { sandboxes, snapshots }: Known): string | undefined {
  const snapshot = snapshots.get(id);
  if (snapshot !== undefined) return snapshot.sandboxId;
  const { originSnapshotId, originSandboxId } = sandboxes.get(id) ?? {};
  const origin = originSnapshotId === undefined ? undefined : snapshots.get(originSnapshotId);
  if (origin !== undefined && origin.sandboxId !== id) return origin.snapshotId;
  return originSandboxId;
}

function rootOf(id: string, known: Known): string {
  const seen = new Set([id]);
  for (let at = id; ;) {
    const parent = parentOf(at, known);
    if (parent === undefined || seen.has(parent)) return at;
    seen.add(parent);
    at = parent;
  }
}

function childrenByParent(known: Known): Map<string, string[]> {
  const children = new Map<string, string[]>();
  for (const id of [...known.sandboxes.keys(), ...known.snapshots.keys()]) {
    const parent = parentOf(id, known);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), id]);
  }
  return children;
}

function grow(
  id: string,
  childIds: ReadonlyMap<string, string[]>,
  known: Known,
  seen: Set<string>,
): LineageNode {
  seen.add(id);
  const children = (childIds.get(id) ?? [])
    .filter((child) => !seen.has(child))
    .map((child) => grow(child, childIds, known, seen))
    .toSorted((a, b) => a.at - b.at);
  const snapshot = known.snapshots.get(id);
  if (snapshot !== undefined)
    return { id, kind: 'snapshot', snapshot, at: snapshot.createdAt?.getTime() ?? 0, children };
  const sandbox = known.sandboxes.get(id);
  return { id, kind: 'sandbox', sandbox, at: sandbox?.createdAt?.getTime() ?? 0, children };
}
