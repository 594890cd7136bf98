import { useEffect, useRef, useState } from 'react';
import type RFB from '@novnc/novnc';
import { useConsole } from '../../../live/console-context.ts';
import { Button } from '../../../ui/button.tsx';
import { surely } from '../../../ui/surely.ts';
import { tell } from '../../../session/clients.ts';

/** How a VNC server is reached. */
export interface DesktopPlace {
  port: number;
  password: string;
}

interface Props extends DesktopPlace {
  sandboxId: string;
  onReconnect: () => void;
}

// Alone, as a part of the page that waits for nothing else: it looks at what the browser can do when it is loaded.
const loadClient = surely(() => import('@novnc/novnc'));

type State = { kind: 'connecting' | 'shown' } | { kind: 'ended'; why: string };

/** A desktop, drawn and driven by noVNC through the tunnel of the sandbox. */
export function DesktopScreen({ sandboxId, port, password, onReconnect }: Props) {
  const { clients } = useConsole();
  const place = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<State>({ kind: 'connecting' });
  useEffect(() => {
    const left = new AbortController();
    const open = async (): Promise<void> => {
      const sandbox = await clients.sandboxes.connect(sandboxId);
      const [url, { default: Client }] = await Promise.all([sandbox.tunnelUrl(port), loadClient()]);
      if (place.current === null || left.signal.aborted) return;
      const desktop = new Client(place.current, url, { shared: true, credentials: { password } });
      follow(desktop, left.signal, setState);
    };
    open().catch(
      (error: unknown) => left.signal.aborted || setState({ kind: 'ended', why: tell(error).message }),
    );
    return () => left.abort();
  }, [clients, sandboxId, port, password]);
  return (
    <div className="desktop">
      {state.kind === 'connecting' && <p role="status">Connecting…</p>}
      {state.kind === 'ended' && (
        <p role="status">
          {state.why} <Button onClick={onReconnect}>Connect again</Button>
        </p>
      )}
      <div
        className="desktop-screen"
        role="application"
        aria-label={`Desktop on port ${port}`}
        hidden={state.kind === 'ended'}
        ref={place}
      />
    </div>
  );
}

/** Tells how it goes until the signal aborts. */
function follow(desktop: RFB, signal: AbortSignal, onState: (state: State) => void): void {
  desktop.scaleViewport = true;
  desktop.background = 'transparent';
  let why = 'Nothing that speaks VNC answers on this port.';
  const tellUnlessLeft = (state: State): void => {
    if (!signal.aborted) onState(state);
  };
  desktop.addEventListener('connect', () => {
    why = 'The desktop has ended the connection.';
    tellUnlessLeft({ kind: 'shown' });
    desktop.focus();
  });
  desktop.addEventListener('securityfailure', () => (why = 'The desktop does not accept this password.'));
  desktop.addEventListener('credentialsrequired', () => {
    why = 'The desktop wants a user as well, which this page cannot give.';
    desktop.disconnect();
  });
  const leave = (): void => desktop.disconnect();
  signal.addEventListener('abort', leave, { once: true });
  desktop.addEventListener('disconnect', () => {
    signal.removeEventListener('abort', leave);
    tellUnlessLeft({ kind: 'ended', why });
  });
}
