import type { Connection } from 'ssh2';
import type { Log } from '../lib/log.ts';
import type { Reach, Sandboxes } from '../sandbox/sandboxes.ts';
import type { AccessWatch } from '../tenancy/access-watch.ts';
import type { Audit } from '../tenancy/audit.ts';
import type { SshKeys } from '../tenancy/ssh-key.ts';
import { createLoginLimit } from '../tenancy/login-limit.ts';
import { createLogins } from './login.ts';
import type { Login } from './login.ts';
import { serveConnection } from './ssh-connection.ts';
import { createSshFront } from './ssh-front.ts';
import type { FrontConnection, SshFront } from './ssh-front.ts';

export interface SshServerOptions {
  sandboxes: Pick<Sandboxes, 'attach' | 'get' | 'onCut'>;
  sshKeys: Pick<SshKeys, 'accessOf' | 'markUsed'>;
  access: Pick<AccessWatch, 'enter'>;
  audit: Pick<Audit, 'record'>;
  /** In the form of OpenSSH. */
  hostKey: string;
  log: Log;
}

export interface SshServer {
  listen(host: string, port: number): Promise<number>;
  close(): void;
}

const LOGIN_TIMEOUT_MS = 30_000;
/** Clients offer one key after the other. */
const MAX_ATTEMPTS = 10;
const MAX_CONNECTIONS = 512;
/** Of one address, before they have logged in: so no single one takes all places. */
const MAX_STRANGERS = 64;
const END_GRACE_MS = 5_000;
const KEEP_ALIVE_MS = 30_000;

/** Those that Node has: the library computes the authentication of ChaCha20 itself, which is several times slower. */
const CIPHERS = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
];

/** One that has said that it speaks SSH. */
interface Client extends FrontConnection {
  client: Connection;
  address: string;
}

interface Open {
  login: Login;
  close: () => void;
}

/** The SSH endpoint: `ssh SANDBOX@host`. Its library is loaded only where it is asked for. */
export async function createSshServer(options: SshServerOptions): Promise<SshServer> {
  const { default: ssh2 } = await import('ssh2');
  const { sandboxes, sshKeys, log } = options;
  const logins = createLogins({ sandboxes, sshKeys, parseKey: ssh2.utils.parseKey });
  const limit = createLoginLimit(Date.now);
  const open = new Map<Connection, Open>();

  const endWhere = (isOver: (login: Login) => boolean): void => {
    for (const { login, close } of open.values()) if (isOver(login)) close();
  };
  // Its connections would stand still with the sandbox, or end with it.
  sandboxes.onCut(({ id }) => endWhere((login) => login.sandboxId === id));

  /** Cuts a login off when it would not be let in any more, as at once when its key has ended while it logged in. */
  const enter = (login: Login, cut: () => void): (() => void) | undefined => {
    try {
      return options.access.enter(() => logins.admit(login), cut).leave;
    } catch {
      return undefined;
    }
  };

  const begin = ({ client, address, end }: Client, login: Login): void => {
    const { workspaceId, memberId } = login.access;
    const record = (result: string): void =>
      options.audit.record({
        action: 'ssh',
        target: login.sandboxId,
        result,
        caller: { workspace: { id: workspaceId }, member: { id: memberId }, keyId: login.access.keyId },
        address,
      });
    let reached: Promise<Reach> | undefined;
    const reach = (): Promise<Reach> => (reached ??= sandboxes.attach(workspaceId, login.sandboxId));
    const served = serveConnection(client, reach);
    const close = (): void => {
      served.close();
      end();
    };
    const leave = enter(login, close);
    if (leave === undefined) return close();
    open.set(client, { login, close });
    client.once('close', () => {
      open.delete(client);
      leave();
      served.close();
      reached?.then(
        ({ release }) => release(),
        () => {},
      );
    });
    // As long as somebody is here the idle clock stands still.
    reach().then(
      () => record('ok'),
      (error: unknown) => record(error instanceof Error && 'code' in error ? String(error.code) : 'internal'),
    );
  };

  const authenticate = (from: Client): void => {
    const { client, address, keep, end } = from;
    let attempts = 0;
    let login: Login | undefined;
    client.on('authentication', (context) => {
      const judged = logins.judge(context);
      if (judged !== undefined) {
        if (judged.isProven) login = judged.login;
        return context.accept();
      }
      // Every client begins by asking which methods there are.
      if (context.method !== 'none' && (attempts += 1) >= MAX_ATTEMPTS) return end();
      context.reject(['publickey']);
    });
    client.once('ready', () => {
      if (login === undefined) return end();
      keep();
      begin(from, login);
      login = undefined;
      attempts = 0;
    });
    client.once('close', () => {
      if (attempts > 0) limit.fail(address);
    });
  };

  const server = new ssh2.Server(
    {
      hostKeys: [options.hostKey],
      ident: 'atoll',
      algorithms: { cipher: CIPHERS },
      keepaliveInterval: KEEP_ALIVE_MS,
      keepaliveCountMax: 3,
    },
    (client, { ip, port }) => {
      client.on('error', (err) => log.debug({ err, address: ip }, 'an SSH connection failed'));
      const connection = front.find(ip, port);
      if (connection === undefined) return void client.end();
      const end = (): void => {
        client.end();
        connection.end();
      };
      if (limit.isBlocked(ip)) return end();
      // Else each answer waits for the receipt of the one before: 40 ms for every key that is typed.
      client.setNoDelay(true);
      authenticate({ client, address: ip, keep: connection.keep, end });
    },
  );
  const front: SshFront = createSshFront({
    maxConnections: MAX_CONNECTIONS,
    maxStrangers: MAX_STRANGERS,
    loginTimeoutMs: LOGIN_TIMEOUT_MS,
    endGraceMs: END_GRACE_MS,
    take: (socket) => server.injectSocket(socket),
    fail: (err) => log.error({ err }, 'the SSH server failed'),
  });

  return {
    listen: front.listen,
    close: () => {
      for (const { close } of open.values()) close();
      front.close();
    },
  };
}
