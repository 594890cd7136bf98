import { useCallback, useEffect, useRef, useState } from 'react';
import type { SandboxInfo } from '@atoll/sdk';
import { useConsole } from '../../../live/console-context.ts';
import { ErrorNote } from '../../../ui/error-note.tsx';
import { useAction } from '../../../ui/use-action.ts';
import { Awake } from '../awake.tsx';
import { keepSessions, readSessions } from './session-list.ts';
import type { Session } from './session-list.ts';
import { TerminalView } from './terminal-view.tsx';

/** Images have one of them. */
const SHELL = 'exec "$(command -v bash || command -v sh)" -l';

/** Terminals in a sandbox, each in a tab of its own. */
export default function TerminalTab({ sandbox }: { sandbox: SandboxInfo }) {
  const { sandboxId } = sandbox;
  const [sessions, setSessions] = useState(() => readSessions(sandboxId));
  // Once there are terminals they stay on the page when the sandbox sleeps: a key wakes it.
  if (sessions.length === 0)
    return (
      <Awake sandbox={sandbox}>
        <Terminals sandbox={sandbox} sessions={sessions} setSessions={setSessions} />
      </Awake>
    );
  return <Terminals sandbox={sandbox} sessions={sessions} setSessions={setSessions} />;
}

interface Props {
  sandbox: SandboxInfo;
  sessions: readonly Session[];
  setSessions: (change: (was: Session[]) => Session[]) => void;
}

function Terminals({ sandbox: { sandboxId, status }, sessions, setSessions }: Props) {
  const { clients } = useConsole();
  const [shown, setShown] = useState(sessions[0]?.sessionId);
  const change = useCallback(
    (next: (was: Session[]) => Session[]) =>
      setSessions((was) => {
        const sessionsNow = next(was);
        keepSessions(sandboxId, sessionsNow);
        return sessionsNow;
      }),
    [sandboxId, setSessions],
  );
  const open = useAction(async () => {
    const sandbox = await clients.sandboxes.connect(sandboxId);
    const pty = await sandbox.createPty({ command: 'sh', args: ['-c', SHELL] });
    pty.disconnect();
    const { sessionId, token } = pty;
    change((was) => [...was, { sessionId, token, title: `Terminal ${nextNumber(was)}` }]);
    setShown(sessionId);
  });
  const close = useAction(async (sessionId: string) => {
    change((was) => was.filter((session) => session.sessionId !== sessionId));
    setShown((was) =>
      was === sessionId ? sessions.find((one) => one.sessionId !== sessionId)?.sessionId : was,
    );
    const sandbox = await clients.sandboxes.connect(sandboxId);
    await sandbox.killPty(sessionId).catch(() => {}); // it may have ended by itself
  });
  const opened = useRef(false);
  const openFirst = open.run;
  useEffect(() => {
    if (opened.current || sessions.length > 0) return;
    opened.current = true;
    void openFirst();
  }, [openFirst, sessions.length]);
  return (
    <div className="terminals">
      <div className="terminal-tabs" role="tablist" aria-label="Terminals">
        {sessions.map(({ sessionId, title }) => (
          <span key={sessionId} className="terminal-tab" data-shown={sessionId === shown}>
            <button
              type="button"
              role="tab"
              aria-selected={sessionId === shown}
              onClick={() => setShown(sessionId)}
            >
              {title}
            </button>
            <button type="button" aria-label={`Close ${title}`} onClick={() => void close.run(sessionId)}>
              ✕
            </button>
          </span>
        ))}
        <button type="button" className="terminal-new" disabled={open.busy} onClick={() => void open.run()}>
          {open.busy ? 'Opening…' : '+ New terminal'}
        </button>
      </div>
      {open.error !== undefined && <ErrorNote error={open.error} what="No terminal was opened." />}
      {sessions.map((session) => (
        <TerminalView
          key={session.sessionId}
          sandboxId={sandboxId}
          session={session}
          isRunning={status === 'running'}
          isShown={session.sessionId === shown}
        />
      ))}
    </div>
  );
}

const nextNumber = (sessions: readonly Session[]): number =>
  Math.max(0, ...sessions.map(({ title }) => Number(/\d+$/.exec(title)?.[0] ?? 0))) + 1;
