import WebSocket from 'ws';
import { connectionError, RemoteAPIError, SandboxConnectionError } from './errors.ts';

const CONNECT_TIMEOUT_MS = 30_000;
const MAX_ERROR_BODY_BYTES = 64 * 1024;

/**
 * Opens a WebSocket to a sandbox. It is `ws` rather than the one of the platform, which cannot send a key in a header.
 * What the server refuses is a RemoteAPIError. The socket is paused, so that nothing comes before somebody listens.
 */
export function openSandboxSocket(
  url: string,
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, {
      headers,
      perMessageDeflate: false,
      handshakeTimeout: CONNECT_TIMEOUT_MS,
    });
    const abort = (): void => socket.terminate();
    signal?.addEventListener('abort', abort, { once: true });
    const settle = (): void => signal?.removeEventListener('abort', abort);
    socket.once('open', () => {
      settle();
      socket.pause();
      resolve(socket);
    });
    socket.once('unexpected-response', (_request, response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body = (body + chunk).slice(0, MAX_ERROR_BODY_BYTES)));
      response.once('close', () => {
        settle();
        reject(new RemoteAPIError(response.statusCode ?? 502, body));
      });
    });
    socket.on('error', (error) => {
      settle();
      reject(signal?.aborted ? signal.reason : connectionError(error));
    });
  });
}

/** Sends one message once the socket has taken it. */
export function sendMessage(socket: WebSocket, data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(data, (error) => {
      if (error) reject(new SandboxConnectionError('the connection is closed', { cause: error }));
      else resolve();
    });
  });
}
