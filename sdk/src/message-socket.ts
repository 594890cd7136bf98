import type { SandboxAddress } from './connection.ts';

/** A WebSocket of a sandbox that carries binary messages, whichever platform opened it. */
export interface MessageSocket {
  /** Called with every binary message from now on. */
  onMessage(handler: (message: Uint8Array) => void): void;
  /** Called once the connection has ended, however that came. */
  onClose(handler: (code: number, reason: string) => void): void;
  /** Resolves once the socket has taken the message. */
  send(message: Uint8Array): Promise<void>;
  /** Lets messages wait, where the platform can; they come when it resumes. */
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
}

/** What opens one. It is paused at first, so that nothing comes before somebody listens. */
export interface OpenMessageSocket {
  url: string;
  headers: Record<string, string>;
  /** The secret of what it attaches to; never a part of the URL. */
  token: string;
  signal?: AbortSignal | undefined;
}

/** Where a WebSocket of a sandbox is. */
export function socketUrl({ baseUrl, socketPrefix = '' }: SandboxAddress, path: string): string {
  const url = new URL(`${socketPrefix}${path}`, baseUrl);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
