import { constants } from 'node:os';
import type { Socket } from 'node:net';
import type { Channel, PseudoTerminal, Session } from 'ssh2';
import { joinSession } from './session-connection.ts';
import type { SessionExit, Size } from './session-connection.ts';

/** What to run: a command, a login shell without one, or the server of SFTP. */
interface SessionRequest {
  command?: string;
  sftp?: boolean;
  env: Record<string, string>;
  terminal?: Size;
}

/** Opens a session of the agent, given as JSON. */
export type OpenSession = (request: SessionRequest) => Promise<Socket>;

const MAX_ENV_BYTES = 16 * 1024;
const signalNames = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name.replace(/^SIG/, '')]),
);
/** What a shell says of a command that could not be run. */
const FAILED = 255;

/** Answers the requests of one session channel: environment, terminal, then one command. */
export function serveSession(session: Session, open: OpenSession): void {
  const env: Record<string, string> = {};
  let terminal: Size | undefined;
  let joined: ReturnType<typeof joinSession> | undefined;

  const sizeOf = ({ rows, cols }: PseudoTerminal): Size => ({
    rows: Math.max(1, rows),
    cols: Math.max(1, cols),
  });

  const run = async (channel: Channel, request: Omit<SessionRequest, 'env' | 'terminal'>): Promise<void> => {
    // Until somebody reads them, bytes wait.
    channel.pause();
    try {
      const agent = await open({ ...request, env, ...(terminal && { terminal }) });
      joined = joinSession(channel, agent, (exit) => end(channel, exit));
      channel.resume();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      channel.stderr.write(`atoll: ${message}\r\n`);
      end(channel, { code: FAILED });
    }
  };

  session.on('env', (accept, reject, { key, val }) => {
    const size = Object.entries(env).flat().join('').length + key.length + val.length;
    if (!/^[A-Za-z_]\w*$/.test(key) || val.includes('\0') || size > MAX_ENV_BYTES) return reject?.();
    env[key] = val;
    accept?.();
  });
  session.on('pty', (accept, _reject, info) => {
    terminal = sizeOf(info);
    if (info.term !== undefined && info.term !== '') env['TERM'] = info.term;
    accept?.();
  });
  session.on('window-change', (accept, _reject, info) => {
    terminal = terminal && sizeOf(info);
    joined?.resize(sizeOf(info));
    accept?.();
  });
  session.on('signal', (accept, reject, { name }) => {
    const number = Object.entries(constants.signals).find(([known]) => known === `SIG${name}`)?.[1];
    if (number === undefined) return reject?.();
    joined?.signal(number);
    accept?.();
  });
  session.on('exec', (accept, _reject, { command }) => void run(accept(), { command }));
  session.on('shell', (accept) => void run(accept(), {}));
  session.on('subsystem', (accept, reject, { name }) => {
    if (name !== 'sftp') return reject();
    void run(accept(), { sftp: true });
  });
}

/** Tells how the command ended, after all of its output. */
function end(channel: Channel, { code, signal }: SessionExit): void {
  if (!channel.writable) return;
  const name = signal === undefined ? undefined : signalNames.get(signal);
  // The end of the channel does not wait for what its second stream still holds.
  channel.stderr.end(() => {
    if (name !== undefined) channel.exit(name, false, '');
    else channel.exit(code ?? (signal === undefined ? FAILED : 128 + signal));
    channel.end();
  });
}
