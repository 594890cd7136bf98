import { useMemo } from 'react';
import type { Build } from '@atoll/sdk';
import { useWorkspace } from '../../live/console-context.ts';
import { Link, useQuery } from '../../router.tsx';
import { Empty } from '../../ui/empty.tsx';
import { formatDuration, formatElapsed } from '../../ui/format.ts';
import { Status } from '../../ui/status.tsx';
import { useNow } from '../../ui/use-now.ts';

/** The builds of the workspace, the newest first. */
export default function BuildsPage() {
  const { builds, loaded } = useWorkspace();
  const [query, setQuery] = useQuery();
  const text = query.get('q') ?? '';
  const found = useMemo(
    () =>
      [...builds.values()]
        .filter(({ id, name = '' }) => id.includes(text.trim()) || name.includes(text.trim()))
        .toSorted((a, b) => b.createdAt - a.createdAt),
    [builds, text],
  );
  return (
    <section className="page list-page">
      <header className="page-head">
        <h1>Builds</h1>
        <input
          type="search"
          aria-label="Search by name or id"
          placeholder="Search  /"
          value={text}
          onChange={(event) => setQuery({ q: event.target.value })}
        />
      </header>
      {!loaded && <p className="dim pad">Loading…</p>}
      {found.length > 0 && <BuildTable builds={found} />}
      {loaded && found.length === 0 && text !== '' && <Empty title="No build has that name" />}
      {loaded && found.length === 0 && text === '' && (
        <Empty title="No builds yet" command="atoll image build . -t my-image">
          <p>A build makes an image from a Dockerfile; it can be watched here while it goes on:</p>
        </Empty>
      )}
    </section>
  );
}

const BuildTable = ({ builds }: { builds: readonly Build[] }) => (
  <div className="table-scroll" tabIndex={0} role="region" aria-label="Builds">
    <table className="table">
      <thead>
        <tr>
          <th scope="col">Image</th>
          <th scope="col">Status</th>
          <th scope="col" className="wide-only">
            What went wrong
          </th>
          <th scope="col">Took</th>
          <th scope="col">Age</th>
        </tr>
      </thead>
      <tbody>
        {builds.map((build) => (
          <Row key={build.id} build={build} />
        ))}
      </tbody>
    </table>
  </div>
);

function Row({ build: { id, name, status, failure, createdAt, startedAt, endedAt } }: { build: Build }) {
  const now = useNow();
  const tookMs = startedAt === undefined ? undefined : (endedAt ?? Math.max(now, startedAt)) - startedAt;
  return (
    <tr>
      <td className="main-cell">
        <Link to={`/builds/${id}`}>{name ?? <code>{id}</code>}</Link>
        {name !== undefined && <code className="dim id">{id}</code>}
      </td>
      <td>
        <Status of={status} />
      </td>
      <td className="dim wide-only">{failure?.step ?? failure?.message}</td>
      <td>{tookMs !== undefined && formatElapsed(tookMs)}</td>
      <td>{formatDuration(Math.max(0, now - createdAt))}</td>
    </tr>
  );
}
