import { useMemo } from 'react';
import { useWorkspace } from '../../live/console-context.ts';
import { Link } from '../../router.tsx';
import { Status } from '../../ui/status.tsx';
import { splitName } from './repository.ts';
import type { Repository } from './repository.ts';

/** How many are listed before the rest is counted. */
const LISTED = 10;

/** The sandboxes and pools of this workspace that came from an image. */
export function UsedBy({ repository: { name } }: { repository: Repository }) {
  const { sandboxes, pools } = useWorkspace();
  const users = useMemo(
    () =>
      [...sandboxes.values()].filter(
        ({ image, status }) => status !== 'terminated' && image !== undefined && isOf(name, image),
      ),
    [sandboxes, name],
  );
  const usingPools = [...pools.values()].filter(({ image }) => isOf(name, image));
  return (
    <section aria-label="Used by" className="part">
      <h3>Used by</h3>
      {users.length + usingPools.length === 0 && <p className="dim">No sandbox or pool of this workspace.</p>}
      <ul className="plain-list">
        {usingPools.map(({ poolId }) => (
          <li key={poolId}>
            Pool <Link to={`/pools/${poolId}`}>{poolId}</Link>
          </li>
        ))}
        {users.slice(0, LISTED).map(({ sandboxId, name: called, status }) => (
          <li key={sandboxId} className="row">
            <Link to={`/sandbox/${sandboxId}`}>{called ?? sandboxId}</Link> <Status of={status} />
          </li>
        ))}
        {users.length > LISTED && (
          <li>
            <Link to={`/?q=${encodeURIComponent(name)}`}>and {users.length - LISTED} more</Link>
          </li>
        )}
      </ul>
    </section>
  );
}

/** Short names of base images mean the same. */
const isOf = (name: string, image: string): boolean => {
  const { repository } = splitName(image);
  return repository === name || `tensorlake/${repository}` === name;
};
