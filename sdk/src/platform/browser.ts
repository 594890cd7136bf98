/** The same as `node.ts` for pages of the server itself: without files, and with the WebSocket that browsers have. */
import { SandboxConnectionError, SandboxError } from '../errors.ts';
import type * as node from './node.ts';
import type { MessageSocket, OpenMessageSocket } from '../message-socket.ts';

/** What the agent answers with; the other protocol that a page names is the token of the terminal. */
const PROTOCOL = 'atoll-pty';
/** Bytes that wait to be sent beyond which a sender waits too. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
const BUFFER_LOOK_MS = 20;

const absent = (what: string) => async (): Promise<never> => {
  throw new SandboxError(`${what} needs Node`, { hint: 'Use the SDK in a program of its own, or the CLI.' });
};

export const readDockerCredentials: typeof node.readDockerCredentials = async () => undefined;
export const pushImage: typeof node.pushImage = absent('pushing an image');
export const loadConfig: typeof node.loadConfig = absent('a profile');
export const loadDesktop: typeof node.loadDesktop = absent('a desktop connection');
export const loadLocalTree: typeof node.loadLocalTree = absent('a folder of this machine');
export const loadTunnel: typeof node.loadTunnel = absent('a tunnel');

/**
 * Opens the WebSocket of a terminal. A page cannot set headers: the session cookie goes by itself, and the token as the
 * name of a protocol, so that no secret is in the URL. Messages before somebody listens wait.
 */
export function openMessageSocket({ url, token, signal }: OpenMessageSocket): Promise<MessageSocket> {
  return new Promise((resolve, reject) => {
    const address = new URL(url);
    address.search = '';
    const socket = new WebSocket(address, [PROTOCOL, token]);
    socket.binaryType = 'arraybuffer';
    const inbox = createInbox();
    const abort = (): void => socket.close();
    signal?.addEventListener('abort', abort, { once: true });
    socket.addEventListener('message', ({ data }) => {
      if (data instanceof ArrayBuffer) inbox.put(new Uint8Array(data));
    });
    socket.addEventListener('open', () => {
      signal?.removeEventListener('abort', abort);
      resolve(wrap(socket, inbox));
    });
    socket.addEventListener('close', ({ code, reason }) => {
      signal?.removeEventListener('abort', abort);
      reject(signal?.aborted ? signal.reason : refused(code, reason));
    });
  });
}

/** Browsers do not say why a handshake failed. */
const refused = (code: number, reason: string) =>
  new SandboxConnectionError(`the connection was not opened: ${reason || `code ${code}`}`);

type Inbox = ReturnType<typeof createInbox>;

/** Keeps messages in order for who does not listen yet, or not now. */
function createInbox() {
  const waiting: Uint8Array[] = [];
  const handlers = new Set<(message: Uint8Array) => void>();
  let isOpen = false;
  const flush = (): void => {
    while (isOpen && handlers.size > 0 && waiting.length > 0) {
      const message = waiting.shift();
      if (message !== undefined) for (const handler of handlers) handler(message);
    }
  };
  return {
    put: (message: Uint8Array): void => {
      waiting.push(message);
      flush();
    },
    listen: (handler: (message: Uint8Array) => void): void => {
      handlers.add(handler);
      flush();
    },
    setOpen: (open: boolean): void => {
      isOpen = open;
      flush();
    },
  };
}

function wrap(socket: WebSocket, inbox: Inbox): MessageSocket {
  return {
    onMessage: inbox.listen,
    onClose: (handler) =>
      socket.addEventListener('close', ({ code, reason }) => {
        inbox.setOpen(true); // what came before the end is read before the end
        handler(code, reason);
      }),
    send: async (message) => {
      if (socket.readyState !== WebSocket.OPEN) throw new SandboxConnectionError('the connection is closed');
      socket.send(message as Uint8Array<ArrayBuffer>); // the types only know views of unshared buffers
      // There is no event for it.
      while (socket.bufferedAmount > MAX_BUFFERED_BYTES && socket.readyState === WebSocket.OPEN)
        await new Promise((resolve) => setTimeout(resolve, BUFFER_LOOK_MS));
    },
    pause: () => inbox.setOpen(false),
    resume: () => inbox.setOpen(true),
    close: (code, reason) => socket.close(code, reason),
  };
}
