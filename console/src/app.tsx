import { useCallback, useEffect, useMemo, useState } from 'react';
import { Console } from './console.tsx';
import { isSignedOut, openClients } from './session/clients.ts';
import type { Identity } from '@atoll/sdk';
import { LoginPage } from './session/login-page.tsx';
import { ErrorNote } from './ui/error-note.tsx';

type Session =
  | { kind: 'asking' }
  | { kind: 'out'; ended: boolean }
  | { kind: 'in'; identity: Identity }
  | { kind: 'unreached'; error: unknown };

const RETRY_MS = 3_000;

/** Who is here? Then the login or the console. */
export function App() {
  const [session, setSession] = useState<Session>({ kind: 'asking' });
  const leave = useCallback((ended: boolean) => setSession({ kind: 'out', ended }), []);
  // Whatever finds first that a session is over: the stream of events, or something that a person asked for.
  const clients = useMemo(
    () =>
      openClients(window.location.origin, () =>
        setSession((was) => (was.kind === 'in' ? { kind: 'out', ended: true } : was)),
      ),
    [],
  );
  const ask = useCallback(async () => {
    try {
      setSession({ kind: 'in', identity: await clients.admin.whoami() });
    } catch (error) {
      setSession(isSignedOut(error) ? { kind: 'out', ended: false } : { kind: 'unreached', error });
    }
  }, [clients]);
  useEffect(() => void ask(), [ask]);
  useEffect(() => {
    if (session.kind !== 'unreached') return undefined;
    const timer = setTimeout(() => void ask(), RETRY_MS);
    return () => clearTimeout(timer);
  }, [session, ask]);

  switch (session.kind) {
    case 'asking':
      return <p className="splash">Loading…</p>;
    case 'unreached':
      return (
        <div className="splash">
          <ErrorNote error={session.error} what="The server does not answer; asking again." />
        </div>
      );
    case 'out':
      return <LoginPage ended={session.ended} onLogin={ask} />;
    case 'in':
      return <Console clients={clients} identity={session.identity} onLeave={leave} />;
  }
}
