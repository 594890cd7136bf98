import { useEffect, useState } from 'react';
import type { BuildEvent } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { addEvents, emptyLog } from './build-log.ts';
import type { BuildLog } from './build-log.ts';

/** A compiler writes many lines a second; the page is drawn for all of this time together. */
const SHOW_EVERY_MS = 150;

/** What a build tells, from its start on and as it goes on. */
export function useBuildLog(id: string): { log: BuildLog; error: unknown } {
  const { clients } = useConsole();
  const [state, setState] = useState<{ log: BuildLog; error?: unknown }>({ log: emptyLog });
  useEffect(() => {
    const ending = new AbortController();
    let waiting: BuildEvent[] = [];
    const show = (): void => {
      const events = waiting;
      waiting = [];
      if (events.length > 0) setState(({ log }) => ({ log: addEvents(log, events) }));
    };
    const timer = setInterval(show, SHOW_EVERY_MS);
    const follow = async (): Promise<void> => {
      for await (const event of clients.builds.events(id, { signal: ending.signal })) waiting.push(event);
    };
    setState({ log: emptyLog });
    follow()
      .catch((error: unknown) => ending.signal.aborted || setState(({ log }) => ({ log, error })))
      .finally(() => {
        clearInterval(timer);
        if (!ending.signal.aborted) show();
      });
    return () => {
      ending.abort();
      clearInterval(timer);
    };
  }, [clients, id]);
  return { log: state.log, error: state.error };
}
