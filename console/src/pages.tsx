import { lazy, Suspense } from 'react';
import { Empty } from './ui/empty.tsx';
import { SandboxesPage } from './page/sandboxes/sandboxes-page.tsx';
import { Link, usePath } from './router.tsx';

const ImagesPage = lazy(() => import('./page/images/images-page.tsx'));
const ImagePage = lazy(() => import('./page/images/image-page.tsx'));
const BuildsPage = lazy(() => import('./page/builds/builds-page.tsx'));
const BuildPage = lazy(() => import('./page/builds/build-page.tsx'));
const PoolsPage = lazy(() => import('./page/pools/pools-page.tsx'));
const PoolPage = lazy(() => import('./page/pools/pool-page.tsx'));
const VolumesPage = lazy(() => import('./page/volumes/volumes-page.tsx'));
const SecretsPage = lazy(() => import('./page/secrets/secrets-page.tsx'));
const HealthPage = lazy(() => import('./page/health/health-page.tsx'));
const SettingsPage = lazy(() => import('./page/settings/settings-page.tsx'));
const DevicePage = lazy(() => import('./page/login/device-page.tsx'));
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
  if (place === 'images') return id === undefined ? <ImagesPage /> : <ImagePage key={id} name={id} />;
  if (place === 'builds') return id === undefined ? <BuildsPage /> : <BuildPage key={id} id={id} />;
  if (place === 'pools') return id === undefined ? <PoolsPage /> : <PoolPage key={id} id={id} />;
  if (place === 'volumes') return <VolumesPage />;
  if (place === 'secrets') return <SecretsPage />;
  if (place === 'health') return <HealthPage />;
  if (place === 'settings') return <SettingsPage tab={id ?? 'workspace'} />;
  if (place === 'login' && id === 'device') return <DevicePage />;
  return (
    <Empty title="There is no such page">
      <p>
        Go to <Link to="/">the sandboxes</Link>.
      </p>
    </Empty>
  );
}
