import { useState } from 'react';
import type { SandboxPoolInfo } from '@atoll/sdk';
import { useConsole, useWorkspace } from '../../live/console-context.ts';
import { Link, navigate } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { formatMb } from '../../ui/format.ts';
import { PoolDialog } from './pool-dialog.tsx';

/** The pools of the workspace: sandboxes that wait, ready, to be claimed. */
export default function PoolsPage() {
  const { pools, loaded } = useWorkspace();
  const { clients, mayChange } = useConsole();
  const [creating, setCreating] = useState(false);
  const all = [...pools.values()].toSorted(
    (a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0),
  );
  return (
    <section className="page list-page">
      <header className="page-head">
        <h1>Pools</h1>
        {mayChange && (
          <Button kind="primary" onClick={() => setCreating(true)}>
            Create
          </Button>
        )}
      </header>
      {!loaded && <p className="dim pad">Loading…</p>}
      {all.length > 0 && <PoolTable pools={all} />}
      {loaded && all.length === 0 && (
        <Empty title="No pools yet" command="atoll sbx pool create --image my-image --warm 2">
          <p>A pool keeps sandboxes of one kind running ahead of time, so that a claim takes no start.</p>
        </Empty>
      )}
      {creating && (
        <PoolDialog
          title="Create a pool"
          deed="Create"
          act={async (options) => {
            const { poolId } = await clients.sandboxes.createPool(options);
            navigate(`/pools/${poolId}`);
          }}
          onClose={() => setCreating(false)}
        />
      )}
    </section>
  );
}

const PoolTable = ({ pools }: { pools: readonly SandboxPoolInfo[] }) => (
  <div className="table-scroll" tabIndex={0} role="region" aria-label="Pools">
    <table className="table">
      <thead>
        <tr>
          <th scope="col">Pool</th>
          <th scope="col">Image</th>
          <th scope="col" className="wide-only">
            Size
          </th>
          <th scope="col" className="number">
            Warm
          </th>
          <th scope="col" className="number wide-only">
            At most
          </th>
        </tr>
      </thead>
      <tbody>
        {pools.map(({ poolId, image, resources, warmContainers = 0, maxContainers, errorDetails }) => (
          <tr key={poolId}>
            <td className="main-cell">
              <Link to={`/pools/${poolId}`}>
                <code>{poolId}</code>
              </Link>
              {errorDetails !== undefined && (
                <span className="status bad" title={errorDetails.message}>
                  <span className="dot" aria-hidden="true" />
                  short
                </span>
              )}
            </td>
            <td className="image-cell">{image}</td>
            <td className="wide-only">
              {resources.cpus} CPU · {formatMb(resources.memoryMb)}
            </td>
            <td className="number">{warmContainers}</td>
            <td className="number wide-only">{maxContainers ?? 'no limit'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);
