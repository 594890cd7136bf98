import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
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
const KEEP_ALIVE_MS = 30_000;

/** Those that Node has: the library computes the authentication of ChaCha20 itself, which is several times slower. */
const CIPHERS = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
];

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
  const all = new Set<Connection>();

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

  const begin = (client: Connection, login: Login, address: string): void => {
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
      client.end();
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

  const authenticate = (client: Connection, address: string): void => {
    let attempts = 0;
    let login: Login | undefined;
    const timer = setTimeout(() => client.end(), LOGIN_TIMEOUT_MS);
    client.on('authentication', (context) => {
      const judged = logins.judge(context);
      if (judged !== undefined) {
        if (judged.isProven) login = judged.login;
        return context.accept();
      }
      // Every client begins by asking which methods there are.
      if (context.method !== 'none' && (attempts += 1) >= MAX_ATTEMPTS) return void client.end();
      context.reject(['publickey']);
    });
    client.once('ready', () => {
      clearTimeout(timer);
      if (login === undefined) return void client.end();
      begin(client, login, address);
      login = undefined;
      attempts = 0;
    });
    client.once('close', () => {
      clearTimeout(timer);
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
    (client, { ip }) => {
      client.on('error', (err) => log.debug({ err, address: ip }, 'an SSH connection failed'));
      if (limit.isBlocked(ip) || all.size >= MAX_CONNECTIONS) return void client.end();
      // Else each answer waits for the receipt of the one before: 40 ms for every key that is typed.
      client.setNoDelay(true);
      all.add(client);
      client.once('close', () => all.delete(client));
      authenticate(client, ip);
    },
  );
  server.on('error', (err) => log.error({ err }, 'the SSH server failed'));

  return {
    listen: async (host, port) => {
      const listening = once(server, 'listening');
      server.listen(port, host);
      await listening;
      return (server.address() as AddressInfo).port; // a TCP server has no other kind of address
    },
    close: () => {
      server.close();
      for (const { close } of open.values()) close();
      for (const client of all) client.end();
    },
  };
}
