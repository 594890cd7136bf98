/** What the SDK needs of the platform that it runs on, and what only a machine with files and sockets can do. */
import type { MessageSocket, OpenMessageSocket } from '../message-socket.ts';
import { openSandboxSocket, sendMessage } from '../sandbox-socket.ts';

export { readDockerCredentials } from '../docker-config.ts';
export { pushImage } from '../image-push.ts';

// Few programs need these.
export const loadConfig = () => import('../config.ts');
export const loadDesktop = () => import('../desktop/desktop.ts');
export const loadLocalTree = () => import('../local-tree.ts');
export const loadTunnel = () => import('../tunnel.ts');

/** Opens the WebSocket of a terminal; the key and its token go in headers. */
export async function openMessageSocket(to: OpenMessageSocket): Promise<MessageSocket> {
  const headers = { ...to.headers, 'x-pty-token': to.token };
  const socket = await openSandboxSocket(to.url, headers, to.signal);
  return {
    onMessage: (handler) =>
      void socket.on('message', (message: Buffer, isBinary) => {
        if (isBinary) handler(message);
      }),
    onClose: (handler) => void socket.once('close', (code, reason) => handler(code, reason.toString())),
    send: (message) => sendMessage(socket, message),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: (code, reason) => socket.close(code, reason),
  };
}
