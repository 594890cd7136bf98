import type { Socket } from 'node:net';

/** Opens a plain connection to a route of the agent. */
export type AskAgent = (path: string) => Promise<Socket>;

/** A port of the sandbox, or a socket at a path with whom it belongs to. */
export type ListenPlace =
  | { host: string; port: number }
  | { path: string; uid: number; gid: number; mode: number };

/** A connection that somebody in the sandbox has made. */
export interface AcceptedConnection {
  /** Empty where it came to a socket at a path. */
  from: string;
  fromPort: number;
  /** Which port it came to. */
  port: number;
  socket: Socket;
}

export interface SandboxListener {
  port: number;
  /** Called once nobody listens any more, however that came. */
  onClose(handler: () => void): void;
  /** Resolves when nothing is left of it in the sandbox, or the sandbox does not say so in time. */
  close(): Promise<void>;
}

const CLOSE_TIMEOUT_MS = 2_000;
/** Longer ones are none of the agent's. */
const MAX_LINE_CHARS = 4 * 1024;
/** Connections that are being fetched at once; who waits to be told of waits in the sandbox. */
const MAX_CLAIMS = 64;

/**
 * Listens in a sandbox: the agent accepts, and tells of each connection on one of the server's own, by which it lasts.
 * Nothing in a sandbox can open a connection to the server.
 */
export async function listenInSandbox(
  ask: AskAgent,
  place: ListenPlace,
  serve: (accepted: AcceptedConnection) => void,
): Promise<SandboxListener> {
  const control = await ask(`/internal/v1/listen?${queryOf(place)}`);
  control.on('error', () => control.destroy());
  const claims = createClaims(async (port, { id, from, port: fromPort }) => {
    const socket = await ask(`/internal/v1/accepted/${encodeURIComponent(id)}`);
    serve({ from, fromPort, port, socket });
  });
  return await new Promise((resolve, reject) => {
    control.once('close', () => reject(new Error('the sandbox does not listen')));
    const listen = async (): Promise<void> => {
      let bound: number | undefined;
      for await (const line of linesOf(control)) {
        // The agent's own words, or those of root in the sandbox: a wrong one ends this listener alone.
        const told = parseLine(line);
        if (told === undefined) return;
        if (bound !== undefined) await claims.begin(bound, told);
        else resolve(listenerOf(control, (bound = told.port)));
      }
    };
    void listen()
      .catch(() => {})
      .finally(() => control.destroy());
  });
}

const listenerOf = (control: Socket, port: number): SandboxListener => ({
  port,
  onClose: (handler) => void (control.closed ? handler() : control.once('close', handler)),
  close: () => close(control),
});

/** Fetches what the agent tells of, a bounded number at once: `begin` waits for its turn, not for the connection. */
function createClaims(fetch: (port: number, told: Told) => Promise<void>) {
  let underWay = 0;
  let wake = (): void => {};
  return {
    begin: async (port: number, told: Told): Promise<void> => {
      while (underWay >= MAX_CLAIMS) await new Promise<void>((resolve) => (wake = resolve));
      underWay += 1;
      void fetch(port, told)
        .catch(() => {}) // who made it has gone, or will find it closed
        .finally(() => {
          underWay -= 1;
          wake();
        });
    },
  };
}

async function* linesOf(control: Socket): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of control.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > MAX_LINE_CHARS) return;
  }
}

/** The end of what the server says is the agent's sign to stop; its own end says that it has. */
async function close(control: Socket): Promise<void> {
  if (control.destroyed) return;
  const cut = setTimeout(() => control.destroy(), CLOSE_TIMEOUT_MS);
  await new Promise<void>((resolve) => {
    control.once('close', resolve);
    control.end();
  });
  clearTimeout(cut);
}

function queryOf(place: ListenPlace): URLSearchParams {
  if ('port' in place) return new URLSearchParams({ host: place.host, port: String(place.port) });
  const { path, uid, gid, mode } = place;
  return new URLSearchParams({ path, uid: String(uid), gid: String(gid), mode: mode.toString(8) });
}

interface Told {
  id: string;
  from: string;
  port: number;
}

function parseLine(line: string): Told | undefined {
  try {
    const { id = '', from = '', port } = JSON.parse(line) as Partial<Told>; // checked below
    const isSound = typeof id === 'string' && typeof from === 'string' && Number.isInteger(port);
    return isSound ? { id, from, port: Number(port) } : undefined;
  } catch {
    return undefined;
  }
}
