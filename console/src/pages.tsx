import { lazy, Suspense } from 'react';
import { Empty } from './ui/empty.tsx';
import { SandboxesPage } from './page/sandboxes/sandboxes-page.tsx';
import { Link, usePath } from './router.tsx';

const SandboxPage = lazy(() => import('./page/sandbox/sandbox-page.tsx'));

/** The page that the URL names. */
export const Pages = () => (
  <Suspense fallback={<p className="dim">Loading…</p>}>
    <Page />
  </Suspense>
);

function Page() {
  const [place, id, tab] = usePath();
  if (place === undefined) return <SandboxesPage />;
  if (place === 'sandbox' && id !== undefined)
    return <SandboxPage key={id} sandboxId={id} tab={tab ?? 'overview'} />;
  return (
    <Empty title="There is no such page">
      <p>
        Go to <Link to="/">the sandboxes</Link>.
      </p>
    </Empty>
  );
}
