import { useCallback, useMemo, useSyncExternalStore } from 'react';
import type { AnchorHTMLAttributes, MouseEvent } from 'react';

/** All pages are below this; the server's API owns every other path. */
export const BASE = '/console';

const listeners = new Set<() => void>();
const tellAll = (): void => listeners.forEach((listener) => listener());
window.addEventListener('popstate', tellAll);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Goes to a page, given by its path below the base. */
export function navigate(to: string, { replace = false } = {}): void {
  const url = `${BASE}${to}`;
  if (replace) window.history.replaceState(null, '', url);
  else window.history.pushState(null, '', url);
  tellAll();
}

/** What somebody typed wrongly names no page, and breaks none. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The parts of the path below the base. */
export function usePath(): string[] {
  const path = useSyncExternalStore(subscribe, () => window.location.pathname);
  return useMemo(
    () =>
      path
        .replace(/^\/console/, '')
        .split('/')
        .filter((part) => part !== '')
        .map(decode),
    [path],
  );
}

/** What is chosen on a page stands in its URL, so that it can be sent and gone back to. */
export function useQuery(): [URLSearchParams, (changes: Record<string, string>) => void] {
  const search = useSyncExternalStore(subscribe, () => window.location.search);
  const query = useMemo(() => new URLSearchParams(search), [search]);
  const change = useCallback((changes: Record<string, string>) => {
    const next = new URLSearchParams(window.location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === '') next.delete(name);
      else next.set(name, value);
    }
    const path = window.location.pathname;
    window.history.replaceState(null, '', next.size > 0 ? `${path}?${next}` : path);
    tellAll();
  }, []);
  return [query, change];
}

/** A link to a page of the console. */
export function Link({ to, ...rest }: { to: string } & AnchorHTMLAttributes<HTMLAnchorElement>) {
  const go = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    navigate(to);
  };
  return <a {...rest} href={`${BASE}${to}`} onClick={go} />;
}
