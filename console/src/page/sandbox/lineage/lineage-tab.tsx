import { useState } from 'react';
import type { SandboxInfo, SnapshotInfo } from '@atoll/sdk';
import { useConsole, useWorkspace } from '../../../live/console-context.ts';
import { Link, navigate } from '../../../router.tsx';
import { Confirm } from '../../../ui/confirm.tsx';
import { ErrorNote } from '../../../ui/error-note.tsx';
import { formatBytes, formatDuration } from '../../../ui/format.ts';
import { Status } from '../../../ui/status.tsx';
import { useAction } from '../../../ui/use-action.ts';
import { useNow } from '../../../ui/use-now.ts';
import { lineageOf } from './lineage.ts';
import type { LineageNode } from './lineage.ts';

/** Where a sandbox comes from and what came from it: a tree of sandboxes and snapshots. */
export default function LineageTab({ sandbox }: { sandbox: SandboxInfo }) {
  const workspace = useWorkspace();
  const root = lineageOf(sandbox.sandboxId, workspace);
  return (
    <div className="overview">
      <p className="dim">
        Forks hang below the sandbox that they copied; snapshots below the sandbox that they were taken of,
        and above what was started from them.
      </p>
      <ul className="lineage">
        <Node node={root} here={sandbox} />
      </ul>
      {root.children.length === 0 && (
        <p className="dim">Nothing has come from it yet: fork it, or take a snapshot.</p>
      )}
    </div>
  );
}

interface NodeProps {
  node: LineageNode;
  here: SandboxInfo;
}

const Node = ({ node, here }: NodeProps) => (
  <li>
    {node.kind === 'snapshot' ? (
      <SnapshotCard snapshot={node.snapshot} here={here} />
    ) : (
      <SandboxCard id={node.id} sandbox={node.sandbox} isHere={node.id === here.sandboxId} />
    )}
    {node.children.length > 0 && (
      <ul>
        {node.children.map((child) => (
          <Node key={child.id} node={child} here={here} />
        ))}
      </ul>
    )}
  </li>
);

interface SandboxCardProps {
  id: string;
  sandbox: SandboxInfo | undefined;
  isHere: boolean;
}

function SandboxCard({ id, sandbox, isHere }: SandboxCardProps) {
  const now = useNow();
  if (sandbox === undefined)
    return (
      <div className="node gone">
        <code>{id}</code> <span className="dim">no longer known</span>
      </div>
    );
  const { name, status, createdAt, originSnapshotId } = sandbox;
  return (
    <div className="node" aria-current={isHere ? 'true' : undefined}>
      <Link to={`/sandbox/${id}/lineage`}>{name ?? <code>{id}</code>}</Link>
      <Status of={status} />
      {createdAt && <span className="dim">{formatDuration(Math.max(0, now - createdAt.getTime()))} old</span>}
      {originSnapshotId !== undefined && (
        <span className="dim">
          from <code>{originSnapshotId.slice(0, 8)}</code>
        </span>
      )}
    </div>
  );
}

function SnapshotCard({ snapshot, here }: { snapshot: SnapshotInfo; here: SandboxInfo }) {
  const { mayChange } = useConsole();
  const { snapshotId, snapshotType, status, sizeBytes, error } = snapshot;
  const isReady = status === 'completed' || status === 'local_ready';
  return (
    <div className="node snapshot">
      <span className="node-kind">snapshot</span>
      <code title={snapshotId}>{snapshotId.slice(0, 8)}</code>
      <span className="dim">{snapshotType}</span>
      {isReady ? (
        sizeBytes !== undefined && <span className="dim">{formatBytes(sizeBytes)}</span>
      ) : (
        <Status of={status} />
      )}
      {error !== undefined && <span className="dim">{error}</span>}
      {mayChange && <SnapshotActions snapshot={snapshot} here={here} isReady={isReady} />}
    </div>
  );
}

interface SnapshotActionsProps {
  snapshot: SnapshotInfo;
  here: SandboxInfo;
  isReady: boolean;
}

function SnapshotActions({ snapshot: { snapshotId, sandboxId }, here, isReady }: SnapshotActionsProps) {
  const { clients } = useConsole();
  const [asking, setAsking] = useState<'rollback' | 'delete'>();
  const start = useAction(async () => {
    const made = await clients.sandboxes.create({ snapshotId });
    navigate(`/sandbox/${made.sandboxId}/lineage`);
  });
  const close = (): void => setAsking(undefined);
  const mayRollBack = isReady && sandboxId === here.sandboxId && here.status !== 'terminated';
  const short = snapshotId.slice(0, 8);
  return (
    <span className="row">
      <button
        type="button"
        className="button quiet small"
        disabled={!isReady || start.busy}
        onClick={() => void start.run()}
      >
        Start a sandbox
      </button>
      {mayRollBack && (
        <button type="button" className="button quiet small" onClick={() => setAsking('rollback')}>
          Roll back
        </button>
      )}
      <button
        type="button"
        className="button quiet small"
        aria-label={`Delete snapshot ${short}`}
        onClick={() => setAsking('delete')}
      >
        Delete
      </button>
      {start.error !== undefined && <ErrorNote error={start.error} />}
      {asking === 'rollback' && (
        <Confirm
          title={`Roll ${here.name ?? here.sandboxId} back?`}
          deed="Roll back"
          act={() => clients.sandboxes.rollback(here.sandboxId, snapshotId)}
          onClose={close}
        >
          <p>
            Everything that it did since snapshot <code>{short}</code> will be lost: files, and what runs now.
          </p>
        </Confirm>
      )}
      {asking === 'delete' && (
        <Confirm
          title={`Delete snapshot ${short}?`}
          deed="Delete"
          act={() => clients.sandboxes.deleteSnapshot(snapshotId)}
          onClose={close}
        >
          <p>Nothing can be started from it any more. Sandboxes and images that came from it stay.</p>
        </Confirm>
      )}
    </span>
  );
}
