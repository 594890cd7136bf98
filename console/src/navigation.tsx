import { useEffect, useRef } from 'react';
import { Link, usePath } from './router.tsx';
import { places } from './place.ts';
import { Brand } from './ui/brand.tsx';
import { useConsole } from './live/console-context.ts';

interface Props {
  onLogOut: () => void;
  onHelp: () => void;
}

/** Which place a page belongs to. */
const placeOf = (first: string | undefined): string =>
  first === undefined || first === 'sandbox' ? '/' : `/${first}`;

/** Where one can go, whose session this is, and the way out. */
export function Navigation({ onLogOut, onHelp }: Props) {
  const { identity } = useConsole();
  const [first] = usePath();
  const here = placeOf(first);
  const list = useRef<HTMLUListElement>(null);
  // On a phone the places stand in one line that is longer than the screen.
  useEffect(() => {
    const current = list.current?.querySelector('[aria-current]');
    current?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [here]);
  return (
    <nav className="navigation" aria-label="Console">
      <Link to="/" className="home" aria-label="Atoll, sandboxes">
        <Brand />
      </Link>
      <ul ref={list}>
        {places.map(({ name, path }) => (
          <li key={path}>
            <Link to={path} aria-current={here === path ? 'page' : undefined}>
              {name}
            </Link>
          </li>
        ))}
      </ul>
      <div className="whoami">
        <span className="workspace-name">{identity.workspace.name}</span>
        <span className="dim">
          {identity.member.name} · {identity.role}
        </span>
        <span className="dim version">
          {identity.server.version} · {identity.server.runtime}
        </span>
        <div className="row">
          <button type="button" className="button quiet small" onClick={onHelp}>
            Keys
          </button>
          <button type="button" className="button quiet small" onClick={onLogOut}>
            Log out
          </button>
        </div>
      </div>
    </nav>
  );
}
