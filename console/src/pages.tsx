import { lazy, Suspense } from 'react';
import { Empty } from './ui/empty.tsx';
import { Fallible } from './ui/fallible.tsx';
import { surely } from './ui/surely.ts';
import { SandboxesPage } from './page/sandboxes/sandboxes-page.tsx';
import { Link, usePath } from './router.tsx';

const ImagesPage = lazy(surely(() => import('./page/images/images-page.tsx')));
const ImagePage = lazy(surely(() => import('./page/images/image-page.tsx')));
const BuildsPage = lazy(surely(() => import('./page/builds/builds-page.tsx')));
const BuildPage = lazy(surely(() => import('./page/builds/build-page.tsx')));
const PoolsPage = lazy(surely(() => import('./page/pools/pools-page.tsx')));
const PoolPage = lazy(surely(() => import('./page/pools/pool-page.tsx')));
const VolumesPage = lazy(surely(() => import('./page/volumes/volumes-page.tsx')));
const SecretsPage = lazy(surely(() => import('./page/secrets/secrets-page.tsx')));
const HealthPage = lazy(surely(() => import('./page/health/health-page.tsx')));
const SettingsPage = lazy(surely(() => import('./page/settings/settings-page.tsx')));
const DevicePage = lazy(surely(() => import('./page/login/device-page.tsx')));
const SandboxPage = lazy(surely(() => import('./page/sandbox/sandbox-page.tsx')));

/** The page that the URL names. */
export const Pages = () => (
  <Fallible path={usePath().join('/')}>
    <Suspense fallback={<p className="dim">Loading…</p>}>
      <Page />
    </Suspense>
  </Fallible>
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
