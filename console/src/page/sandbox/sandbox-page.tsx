import { useEffect, useState } from 'react';
import type { SandboxInfo } from '@atoll/sdk';
import { useConsole, useWorkspace } from '../../live/console-context.ts';
import { Link } from '../../router.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Status } from '../../ui/status.tsx';
import { Actions } from './actions.tsx';
import { tabs } from './tab.tsx';

interface Props {
  sandboxId: string;
  tab: string;
}

/** A sandbox as the events tell; one that the list leaves out is asked for once. */
function useSandbox(sandboxId: string): { sandbox: SandboxInfo | undefined; error: unknown } {
  const { clients } = useConsole();
  const { sandboxes, loaded } = useWorkspace();
  const [asked, setAsked] = useState<{ sandbox?: SandboxInfo; error?: unknown }>({});
  const listed = sandboxes.get(sandboxId);
  const isMissing = loaded && listed === undefined;
  useEffect(() => {
    if (!isMissing) return undefined;
    const ending = new AbortController();
    clients.sandboxes.get(sandboxId, { signal: ending.signal }).then(
      (sandbox) => setAsked({ sandbox }),
      (error: unknown) => ending.signal.aborted || setAsked({ error }),
    );
    return () => ending.abort();
  }, [clients, sandboxId, isMissing]);
  return { sandbox: listed ?? asked.sandbox, error: asked.error };
}

/** One sandbox: what it is, what can be done with it, and what is in it. */
export default function SandboxPage({ sandboxId, tab }: Props) {
  const { sandbox, error } = useSandbox(sandboxId);
  const { mayChange } = useConsole();
  if (sandbox === undefined) return <Missing sandboxId={sandboxId} error={error} />;
  const shown = tabs.filter(({ forMembers }) => mayChange || !forMembers);
  const current = shown.find(({ name }) => name === tab) ?? shown[0];
  return (
    <section className="page">
      <header className="page-head">
        <div className="title">
          <h1>{sandbox.name ?? <code>{sandboxId}</code>}</h1>
          <Status of={sandbox.status} />
        </div>
        {mayChange && <Actions sandbox={sandbox} />}
      </header>
      <nav className="tabs" aria-label="Parts of the sandbox">
        {shown.map(({ name, title }) => (
          <Link
            key={name}
            to={`/sandbox/${sandboxId}${name === 'overview' ? '' : `/${name}`}`}
            aria-current={current?.name === name ? 'page' : undefined}
          >
            {title}
          </Link>
        ))}
      </nav>
      <div className="tab-body">{current?.render(sandbox)}</div>
    </section>
  );
}

function Missing({ sandboxId, error }: { sandboxId: string; error: unknown }) {
  if (error === undefined) return <p className="dim pad">Loading…</p>;
  return (
    <Empty title={`No sandbox ${sandboxId}`}>
      <ErrorNote error={error} />
      <p>
        Go to <Link to="/">the sandboxes</Link>.
      </p>
    </Empty>
  );
}
