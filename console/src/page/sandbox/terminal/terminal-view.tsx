import { useEffect, useRef, useState } from 'react';
import { FitAddon } from '@xterm/addon-fit';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useConsole } from '../../../live/console-context.ts';
import { attachTerminal } from './attachment.ts';
import type { AttachmentState } from './attachment.ts';
import type { Session } from './session-list.ts';

interface Props {
  sandboxId: string;
  session: Session;
  isRunning: boolean;
  /** Only one of several tabs is seen; the others go on. */
  isShown: boolean;
}

const theme = {
  background: '#101819',
  foreground: '#dfe8e7',
  cursor: '#4fc0bf',
  selectionBackground: '#2f4a4c',
};

/** One terminal, drawn by xterm. */
export function TerminalView({ sandboxId, session, isRunning, isShown }: Props) {
  const { clients } = useConsole();
  const place = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<AttachmentState>({ kind: 'connecting' });
  const { sessionId, token } = session;
  const attached = useRef<ReturnType<typeof attachTerminal>>(undefined);
  useEffect(() => {
    if (place.current === null) return undefined;
    const screen = openScreen(place.current);
    const attachment = attachTerminal({
      client: clients.sandboxes,
      sandboxId,
      sessionId,
      token,
      clear: () => screen.terminal.reset(),
      write: (data) => screen.terminal.write(data),
      size: () => screen.terminal,
      onState: setState,
    });
    attached.current = attachment;
    screen.terminal.onData(attachment.type);
    screen.terminal.onResize(({ cols, rows }) => attachment.resize(cols, rows));
    return () => {
      attachment.leave();
      screen.close();
    };
  }, [clients, sandboxId, sessionId, token]);
  useEffect(() => {
    if (isRunning) attached.current?.goOn();
  }, [isRunning]);
  return (
    <div className="terminal" hidden={!isShown}>
      <StateNote state={state} />
      <div className="terminal-screen" ref={place} />
    </div>
  );
}

function StateNote({ state }: { state: AttachmentState }) {
  if (state.kind === 'attached') return null;
  const text = {
    connecting: 'Connecting…',
    asleep: 'The sandbox is suspended. Press any key to wake it.',
    ended: state.kind === 'ended' ? `The session has ended: ${state.why}.` : '',
  }[state.kind];
  return (
    <p className="terminal-note" role="status">
      {text}
    </p>
  );
}

function openScreen(place: HTMLElement): { terminal: Terminal; close: () => void } {
  const terminal = new Terminal({
    theme,
    fontFamily: getComputedStyle(place).getPropertyValue('--mono'),
    fontSize: 13,
    scrollback: 10_000,
    cursorBlink: true,
    screenReaderMode: true,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(new WebLinksAddon());
  terminal.open(place);
  terminal.attachCustomKeyEventHandler((event) => !copies(terminal, event));
  // A hidden one has no size: it is fitted when it is shown.
  const fitShown = (): void => {
    if (place.clientWidth > 0 && place.clientHeight > 0) fit.fit();
  };
  const observer = new ResizeObserver(fitShown);
  observer.observe(place);
  fitShown();
  terminal.focus();
  return {
    terminal,
    close: () => {
      observer.disconnect();
      terminal.dispose();
    },
  };
}

/** Ctrl+Shift+C copies what is selected, as terminals do; Ctrl+C stays the program's. */
function copies(terminal: Terminal, event: KeyboardEvent): boolean {
  if (event.type !== 'keydown' || !event.ctrlKey || !event.shiftKey || event.code !== 'KeyC') return false;
  event.preventDefault();
  void navigator.clipboard.writeText(terminal.getSelection());
  return true;
}
