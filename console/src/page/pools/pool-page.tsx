import { useState } from 'react';
import type { SandboxPoolInfo } from '@atoll/sdk';
import { useConsole, useWorkspace } from '../../live/console-context.ts';
import { Link, navigate } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/confirm.tsx';
import { CopyCommand } from '../../ui/copy-command.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Fact, Facts } from '../../ui/facts.tsx';
import { formatDuration, formatMb, formatTime } from '../../ui/format.ts';
import { Status } from '../../ui/status.tsx';
import { useLoad } from '../../ui/use-load.ts';
import { useAction } from '../../ui/use-action.ts';
import { PoolDialog } from './pool-dialog.tsx';
import { reachOf } from '../sandbox/network/reach.ts';

/** One pool with its containers. They are read again whenever something of the workspace's sandboxes changes. */
export default function PoolPage({ id }: { id: string }) {
  const { clients, mayChange } = useConsole();
  const { pools, sandboxes } = useWorkspace();
  const listed = pools.get(id);
  const claimed = [...sandboxes.values()].filter(({ poolId }) => poolId === id);
  const marks = claimed.map(({ sandboxId, status }) => `${sandboxId} ${status}`).join();
  const { value, error, reload, busy } = useLoad(
    `${id} ${listed?.updatedAt?.getTime() ?? ''} ${marks}`,
    (signal) => clients.sandboxes.getPool(id, { signal }),
  );
  const pool = value ?? listed;
  const claim = useAction(async () => {
    const { sandboxId } = await clients.sandboxes.claim(id);
    navigate(`/sandbox/${sandboxId}`);
  });
  const [editing, setEditing] = useState(false);
  const [deleting, setDeleting] = useState(false);
  if (pool === undefined) return <Missing id={id} error={error} />;
  return (
    <section className="page">
      <header className="page-head">
        <div className="title">
          <h1>
            <code>{id}</code>
          </h1>
        </div>
        <div className="row" role="toolbar" aria-label="Actions">
          <Button kind="quiet" busy={busy} onClick={reload}>
            Refresh
          </Button>
          {mayChange && (
            <>
              <Button busy={claim.busy} onClick={() => void claim.run()}>
                Claim a sandbox
              </Button>
              <Button onClick={() => setEditing(true)}>Edit</Button>
              <Button kind="danger" onClick={() => setDeleting(true)}>
                Delete
              </Button>
            </>
          )}
        </div>
      </header>
      <div className="overview">
        {claim.error !== undefined && <ErrorNote error={claim.error} />}
        {pool.errorDetails !== undefined && (
          <p className="note">It has fewer warm containers than it should: {pool.errorDetails.message}</p>
        )}
        <Shape pool={pool} />
        <Containers pool={pool} />
        <CopyCommand command={`atoll sbx pool claim ${id}`} />
      </div>
      {editing && (
        <PoolDialog
          title="Change this pool"
          deed="Change"
          pool={pool}
          act={async (options) => {
            await clients.sandboxes.updatePool(id, options);
            reload();
          }}
          onClose={() => setEditing(false)}
        />
      )}
      {deleting && (
        <Confirm
          title="Delete this pool?"
          deed="Delete"
          act={async () => {
            await clients.sandboxes.deletePool(id);
            navigate('/pools');
          }}
          onClose={() => setDeleting(false)}
        >
          <p>Its warm sandboxes end. A pool of which a claimed sandbox lives cannot be deleted.</p>
        </Confirm>
      )}
    </section>
  );
}

const Shape = ({ pool }: { pool: SandboxPoolInfo }) => (
  <div className="panels">
    <Facts title="What its sandboxes are">
      <Fact term="Image">{pool.image}</Fact>
      <Fact term="Size">
        {pool.resources.cpus} CPU · {formatMb(pool.resources.memoryMb)} memory
      </Fact>
      <Fact term="Entrypoint">{pool.entrypoint && <code>{pool.entrypoint.join(' ')}</code>}</Fact>
      <Fact term="Secrets">{pool.secretNames.join(', ')}</Fact>
      <Fact term="When idle">
        {pool.timeoutSecs === 0 ? 'go on' : `end after ${formatDuration(pool.timeoutSecs * 1000)}`}
      </Fact>
      <Fact term="Internet">{reachOf(pool.network)}</Fact>
    </Facts>
    <Facts title="How many">
      <Fact term="Warm">{String(pool.warmContainers ?? 0)}</Fact>
      <Fact term="At most">{pool.maxContainers === undefined ? 'no limit' : String(pool.maxContainers)}</Fact>
      <Fact term="Created">{pool.createdAt && formatTime(pool.createdAt)}</Fact>
    </Facts>
  </div>
);

function Containers({ pool: { containers } }: { pool: SandboxPoolInfo }) {
  if (containers === undefined) return null;
  return (
    <section aria-label="Containers" className="part">
      <h3>Containers</h3>
      {containers.length === 0 && <p className="dim">None now.</p>}
      <ul className="plain-list">
        {containers.map(({ id, state, sandboxId }) => (
          <li key={id} className="row">
            <code>{id}</code>
            <Status of={state.toLowerCase()} />
            {sandboxId !== undefined && <Link to={`/sandbox/${sandboxId}`}>claimed as {sandboxId}</Link>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Missing({ id, error }: { id: string; error: unknown }) {
  if (error === undefined) return <p className="dim pad">Loading…</p>;
  return (
    <Empty title={`No pool ${id}`}>
      <ErrorNote error={error} />
      <p>
        Go to <Link to="/pools">the pools</Link>.
      </p>
    </Empty>
  );
}
