import { useMemo } from 'react';
import { useConsole, useWorkspace } from '../../live/console-context.ts';
import { Link, useQuery } from '../../router.tsx';
import { Empty } from '../../ui/empty.tsx';
import { formatBytes, formatDuration } from '../../ui/format.ts';
import { useNow } from '../../ui/use-now.ts';
import { PendingShares } from './pending-shares.tsx';
import { RepositoryMenu } from './repository-menu.tsx';
import { imagePath, toRepositories } from './repository.ts';
import type { Repository } from './repository.ts';
import { SourceBadge } from './source-badge.tsx';

/** All images that sandboxes of the workspace may start from. */
export default function ImagesPage() {
  const { images, loaded } = useWorkspace();
  const [query, setQuery] = useQuery();
  const text = query.get('q') ?? '';
  const all = useMemo(() => toRepositories(images.values()), [images]);
  const found = all.filter(({ name }) => name.includes(text.trim().toLowerCase()));
  const hasOwn = all.some(({ source }) => source !== 'base');
  return (
    <section className="page list-page">
      <header className="page-head">
        <h1>Images</h1>
        <input
          type="search"
          aria-label="Search by name"
          placeholder="Search  /"
          value={text}
          onChange={(event) => setQuery({ q: event.target.value })}
        />
      </header>
      <PendingShares />
      {!loaded && <p className="dim pad">Loading…</p>}
      {found.length > 0 && <RepositoryTable repositories={found} />}
      {loaded && found.length === 0 && text !== '' && <Empty title="No image has that name" />}
      {loaded && !hasOwn && text === '' && (
        <Empty title="No images of your own yet" command="atoll image build . -t my-image">
          <p>An image holds what your agents need installed. Build one from a Dockerfile:</p>
        </Empty>
      )}
    </section>
  );
}

const RepositoryTable = ({ repositories }: { repositories: readonly Repository[] }) => (
  <div className="table-scroll" tabIndex={0} role="region" aria-label="Images">
    <table className="table">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" className="wide-only">
            Tags
          </th>
          <th scope="col" className="number">
            Size
          </th>
          <th scope="col" className="wide-only">
            Built on
          </th>
          <th scope="col" className="wide-only">
            Age
          </th>
          <th scope="col">
            <span className="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {repositories.map((repository) => (
          <Row key={repository.name} repository={repository} />
        ))}
      </tbody>
    </table>
  </div>
);

/** How many tags a row names before it counts the rest. */
const NAMED_TAGS = 3;

function Row({ repository: { name, source, isPublic, tags } }: { repository: Repository }) {
  const { isAdmin } = useConsole();
  const now = useNow();
  const newest = tags[0]?.image;
  return (
    <tr>
      <td className="main-cell">
        <span className="row tight">
          <Link to={imagePath(name)}>{name}</Link>
          <SourceBadge source={source} isPublic={isPublic} />
        </span>
      </td>
      <td className="wide-only">
        {tags.slice(0, NAMED_TAGS).map(({ tag }) => (
          <code className="tag" key={tag}>
            {tag}
          </code>
        ))}
        {tags.length > NAMED_TAGS && <span className="dim"> and {tags.length - NAMED_TAGS} more</span>}
      </td>
      <td className="number">{newest && formatBytes(newest.sizeBytes)}</td>
      <td className="dim wide-only">{newest?.base}</td>
      <td className="wide-only">{newest && formatDuration(Math.max(0, now - newest.createdAt))}</td>
      <td className="row-actions">{isAdmin && source === 'own' && <RepositoryMenu name={name} />}</td>
    </tr>
  );
}
