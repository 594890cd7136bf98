import { useCallback, useEffect, useMemo, useState } from 'react';
import { endBrowserSession } from '@atoll/sdk';
import type { Identity } from '@atoll/sdk';
import { consoleContext } from './live/console-context.ts';
import { followWorkspace } from './live/follow-workspace.ts';
import { createWorkspaceStore } from './live/workspace-store.ts';
import { KeyboardHelp } from './keyboard-help.tsx';
import { LinkNote } from './live/link-note.tsx';
import { Navigation } from './navigation.tsx';
import { Pages } from './pages.tsx';
import type { Clients } from './session/clients.ts';
import { useShortcuts } from './use-shortcuts.ts';

interface Props {
  clients: Clients;
  identity: Identity;
  /** Back to the login; `ended`: the session ended by itself. */
  onLeave: (ended: boolean) => void;
}

/** Everything that is seen while logged in. */
export function Console({ clients, identity, onLeave }: Props) {
  const store = useMemo(() => createWorkspaceStore(), []);
  useEffect(() => {
    const ending = new AbortController();
    const onSignedOut = (): void => onLeave(true);
    void followWorkspace({ clients, store, onSignedOut, signal: ending.signal });
    return () => ending.abort();
  }, [clients, store, onLeave]);
  const [helping, setHelping] = useState(false);
  useShortcuts(useCallback(() => setHelping((shown) => !shown), []));
  const logOut = async (): Promise<void> => {
    await endBrowserSession(clients.apiUrl).catch(() => {}); // it may have ended already
    onLeave(false);
  };
  const context = useMemo(
    () => ({
      clients,
      identity,
      store,
      mayChange: identity.role !== 'viewer',
      isAdmin: identity.role === 'admin',
    }),
    [clients, identity, store],
  );
  return (
    <consoleContext.Provider value={context}>
      <div className="shell">
        <a className="skip" href="#page">
          Skip to the page
        </a>
        <Navigation onLogOut={() => void logOut()} onHelp={() => setHelping(true)} />
        <main id="page" tabIndex={-1}>
          <LinkNote />
          <Pages />
        </main>
      </div>
      {helping && <KeyboardHelp onClose={() => setHelping(false)} />}
    </consoleContext.Provider>
  );
}
