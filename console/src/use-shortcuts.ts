import { useEffect } from 'react';
import { places } from './place.ts';
import { navigate } from './router.tsx';

/** How long `g` waits for the letter of a place. */
const GO_WITHIN_MS = 1_500;

/** Whether keys belong to what has the focus: a field, or a terminal. */
const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName) ||
    target.closest('dialog') !== null);

/** `/` searches, `?` helps, `g` and a letter go somewhere. */
export function useShortcuts(onHelp: () => void): void {
  useEffect(() => {
    let goingSince = 0;
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const isGoing = Date.now() - goingSince < GO_WITHIN_MS;
      goingSince = event.key === 'g' ? Date.now() : 0;
      const place = isGoing ? places.find(({ key }) => key === event.key) : undefined;
      if (place !== undefined) navigate(place.path);
      else if (event.key === '?') onHelp();
      else if (event.key === '/' && focusSearch()) event.preventDefault();
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [onHelp]);
}

function focusSearch(): boolean {
  const search = document.querySelector<HTMLInputElement>('input[type=search]');
  search?.focus();
  return search !== null;
}
