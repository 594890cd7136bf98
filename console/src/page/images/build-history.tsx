import { useMemo } from 'react';
import { useWorkspace } from '../../live/console-context.ts';
import { Link } from '../../router.tsx';
import { formatTime } from '../../ui/format.ts';
import { Status } from '../../ui/status.tsx';
import { splitName } from './repository.ts';
import type { Repository } from './repository.ts';

/** The builds that were to make this image, the newest first. */
export function BuildHistory({ repository: { name } }: { repository: Repository }) {
  const { builds } = useWorkspace();
  const history = useMemo(
    () =>
      [...builds.values()]
        .filter((build) => build.name !== undefined && splitName(build.name).repository === name)
        .toSorted((a, b) => b.createdAt - a.createdAt),
    [builds, name],
  );
  if (history.length === 0) return null;
  return (
    <section aria-label="Build history" className="part">
      <h3>Build history</h3>
      <table className="table inset">
        <tbody>
          {history.map(({ id, name: called = '', status, createdAt }) => (
            <tr key={id}>
              <td className="main-cell">
                <Link to={`/builds/${id}`}>
                  <code>{id}</code>
                </Link>
              </td>
              <td>
                <code>{splitName(called).tag}</code>
              </td>
              <td>
                <Status of={status} />
              </td>
              <td className="dim wide-only">{formatTime(createdAt)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
