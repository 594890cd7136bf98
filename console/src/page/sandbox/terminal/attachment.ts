import { SandboxConnectionError } from '@atoll/sdk';
import type { Pty, SandboxClient } from '@atoll/sdk';

/** How a terminal stands with its session. */
export type AttachmentState =
  | { kind: 'connecting' }
  | { kind: 'attached' }
  /** The sandbox is suspended; a key wakes it. */
  | { kind: 'asleep' }
  | { kind: 'ended'; why: string };

interface Options {
  client: SandboxClient;
  sandboxId: string;
  sessionId: string;
  token: string;
  /** What the session printed last comes again when it is attached again: the screen is empty then. */
  clear: () => void;
  write: (data: Uint8Array) => void;
  size: () => { cols: number; rows: number };
  onState: (state: AttachmentState) => void;
}

const PAUSES_MS = [300, 1_000, 2_000, 4_000, 8_000];

/**
 * Keeps a terminal attached to its session until that ends: after a break it attaches again, but never wakes a sandbox
 * that was suspended, unless somebody types.
 */
export function attachTerminal(options: Options) {
  const { client, sandboxId, sessionId, token, onState } = options;
  let pty: Pty | undefined;
  let state: AttachmentState = { kind: 'connecting' };
  let typed = '';
  const ending = new AbortController();

  const show = (next: AttachmentState): void => {
    state = next;
    if (!ending.signal.aborted) onState(next);
  };
  const attachOnce = async (): Promise<string> => {
    const sandbox = await client.connect(sandboxId, { signal: ending.signal });
    let isFirst = true;
    const attached = await sandbox.connectPty(sessionId, token, {
      signal: ending.signal,
      onData: (data) => {
        if (isFirst) options.clear();
        isFirst = false;
        options.write(data);
      },
    });
    pty = attached;
    const { cols, rows } = options.size();
    await attached.resize(cols, rows);
    show({ kind: 'attached' });
    if (typed !== '') await attached.sendInput(typed);
    typed = '';
    return `exit code ${await attached.wait()}`;
  };
  /** What to do after a break; an answer that asks the server alone, so nothing is woken. */
  const afterBreak = async (error: unknown): Promise<'retry' | 'asleep' | string> => {
    if (!(error instanceof SandboxConnectionError)) return tellEnd(error);
    const { status } = await client.get(sandboxId, { signal: ending.signal });
    if (status === 'suspended' || status === 'suspending') return 'asleep';
    return status === 'terminated' ? 'the sandbox has ended' : 'retry';
  };
  const isAlive = async (): Promise<boolean> => {
    const sandbox = await client.connect(sandboxId, { signal: ending.signal });
    const sessions = await sandbox.listPtys({ signal: ending.signal });
    return sessions.some((session) => session.sessionId === sessionId && session.isAlive);
  };
  const run = async (): Promise<void> => {
    for (let tries = 0; !ending.signal.aborted; tries += 1) {
      show({ kind: 'connecting' });
      try {
        return show({ kind: 'ended', why: await attachOnce() });
      } catch (error) {
        if (ending.signal.aborted) return;
        if (pty !== undefined) tries = 0;
        pty = undefined;
        const next = await afterBreak(error).catch(() => 'retry' as const);
        if (next === 'asleep') return show({ kind: 'asleep' });
        if (next !== 'retry') return show({ kind: 'ended', why: next });
        await pause(PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)] ?? 0, ending.signal);
        // A browser is not told why a WebSocket was refused; the list of sessions tells.
        if (tries > 0 && !(await isAlive().catch(() => true)))
          return show({ kind: 'ended', why: 'the session is gone' });
      }
    }
  };
  void run();
  return {
    type: (text: string): void => {
      if (state.kind === 'attached') return void pty?.sendInput(text).catch(() => {});
      if (state.kind === 'ended') return;
      typed += text;
      if (state.kind === 'asleep') void run();
    },
    /** Somebody has woken the sandbox. */
    goOn: (): void => {
      if (state.kind === 'asleep') void run();
    },
    resize: (cols: number, rows: number): void => void pty?.resize(cols, rows).catch(() => {}),
    /** Leaves the session, which goes on. */
    leave: (): void => {
      ending.abort();
      pty?.disconnect();
    },
  };
}

const tellEnd = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
