/** A session of a terminal that this tab of the browser has opened. */
export interface Session {
  sessionId: string;
  /** Whoever has it may type, so it stays in this tab and goes with it. */
  token: string;
  title: string;
}

const keyOf = (sandboxId: string): string => `atoll-terminals-${sandboxId}`;

/** The sessions that this tab has open, also after it was loaded again. */
export function readSessions(sandboxId: string): Session[] {
  try {
    const kept: unknown = JSON.parse(window.sessionStorage.getItem(keyOf(sandboxId)) ?? '[]');
    return Array.isArray(kept) ? kept.filter(isSession) : [];
  } catch {
    return [];
  }
}

/** Keeps them for as long as the tab is there. */
export function keepSessions(sandboxId: string, sessions: readonly Session[]): void {
  window.sessionStorage.setItem(keyOf(sandboxId), JSON.stringify(sessions));
}

const isSession = (value: unknown): value is Session =>
  typeof value === 'object' && value !== null && 'sessionId' in value && 'token' in value && 'title' in value;
