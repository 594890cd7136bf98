import { useDeferredValue, useMemo, useState } from 'react';
import { useConsole, useWorkspace } from '../../live/console-context.ts';
import { useQuery } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { CreateDialog } from './create-dialog.tsx';
import { countViews, filterSandboxes, viewOf, views } from './sandbox-filter.ts';
import { SandboxTable } from './sandbox-table.tsx';
import { Selection } from './selection.tsx';

/** All sandboxes of the workspace, as they change. */
export function SandboxesPage() {
  // What is typed and picked comes first; the list follows when there is time for it.
  const { sandboxes, loaded } = useDeferredValue(useWorkspace());
  const { mayChange } = useConsole();
  const [query, setQuery] = useQuery();
  const view = viewOf(query.get('view'));
  const text = query.get('q') ?? '';
  const wanted = useDeferredValue(text);
  const found = useMemo(() => filterSandboxes(sandboxes.values(), view, wanted), [sandboxes, view, wanted]);
  const counts = useMemo(() => countViews(sandboxes.values()), [sandboxes]);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [creating, setCreating] = useState(false);
  return (
    <section className="page list-page">
      <header className="page-head">
        <h1>Sandboxes</h1>
        <input
          type="search"
          aria-label="Search by name, id or image"
          placeholder="Search  /"
          value={text}
          onChange={(event) => setQuery({ q: event.target.value })}
        />
        {mayChange && (
          <Button kind="primary" onClick={() => setCreating(true)}>
            Create
          </Button>
        )}
      </header>
      <div className="filters" role="group" aria-label="Which sandboxes">
        {views.map((one) => (
          <button
            key={one}
            type="button"
            className="chip"
            aria-pressed={view === one}
            onClick={() => setQuery({ view: one === 'living' ? '' : one })}
          >
            {one} <span className="count">{counts[one]}</span>
          </button>
        ))}
      </div>
      {mayChange && <Selection selected={selected} onSelect={setSelected} />}
      {found.length > 0 ? (
        <SandboxTable sandboxes={found} selected={selected} onSelect={mayChange ? setSelected : undefined} />
      ) : (
        <Nothing loaded={loaded} isFiltered={text !== '' || view !== 'living'} />
      )}
      {creating && <CreateDialog onClose={() => setCreating(false)} />}
    </section>
  );
}

function Nothing({ loaded, isFiltered }: { loaded: boolean; isFiltered: boolean }) {
  if (!loaded) return <p className="dim pad">Loading…</p>;
  if (isFiltered) return <Empty title="No sandbox fits">Nothing here has that name or state.</Empty>;
  return (
    <Empty title="No sandboxes yet" command="atoll sbx create my-env">
      <p>A sandbox is a small machine of its own for an agent. Create one here, or on a command line:</p>
    </Empty>
  );
}
