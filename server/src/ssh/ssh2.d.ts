/** What the server uses of `ssh2`, which has no types of its own. */
declare module 'ssh2' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';
  import type { Duplex, Writable } from 'node:stream';

  export interface ParsedKey {
    type: string;
    getPublicSSH(): Buffer;
    verify(data: Buffer, signature: Buffer, hashAlgorithm?: string): boolean;
  }

  export interface AuthContext extends EventEmitter {
    method: string;
    username: string;
    key: { algo: string; data: Buffer };
    blob?: Buffer;
    signature?: Buffer;
    hashAlgo?: string;
    accept(): void;
    reject(methods?: string[], isPartial?: boolean): void;
  }

  export interface Channel extends Duplex {
    stderr: Writable;
    exit(code: number): void;
    exit(signal: string, isCoreDumped?: boolean, message?: string): void;
    close(): void;
  }

  export type Accept<T = void> = () => T;
  export type Reject = () => void;

  export interface PseudoTerminal {
    cols: number;
    rows: number;
    term?: string;
  }

  export interface Session extends EventEmitter {
    on(
      event: 'pty',
      listen: (accept: Accept | undefined, reject: Reject, info: PseudoTerminal) => void,
    ): this;
    on(
      event: 'window-change',
      listen: (accept: Accept | undefined, reject: Reject, info: PseudoTerminal) => void,
    ): this;
    on(
      event: 'env',
      listen: (accept: Accept | undefined, reject: Reject, info: { key: string; val: string }) => void,
    ): this;
    on(
      event: 'exec',
      listen: (accept: Accept<Channel>, reject: Reject, info: { command: string }) => void,
    ): this;
    on(event: 'shell', listen: (accept: Accept<Channel>, reject: Reject) => void): this;
    on(
      event: 'subsystem',
      listen: (accept: Accept<Channel>, reject: Reject, info: { name: string }) => void,
    ): this;
    on(
      event: 'signal',
      listen: (accept: Accept | undefined, reject: Reject, info: { name: string }) => void,
    ): this;
  }

  export interface TcpIp {
    destIP: string;
    destPort: number;
    srcIP: string;
    srcPort: number;
  }

  export interface Connection extends EventEmitter {
    on(event: 'authentication', listen: (context: AuthContext) => void): this;
    on(event: 'ready' | 'close' | 'end', listen: () => void): this;
    on(event: 'error', listen: (error: Error) => void): this;
    on(event: 'session', listen: (accept: Accept<Session>, reject: Reject) => void): this;
    on(event: 'tcpip', listen: (accept: Accept<Channel>, reject: Reject, info: TcpIp) => void): this;
    on(
      event: 'request',
      listen: (
        accept: ((port?: number) => void) | undefined,
        reject: (() => void) | undefined,
        name: string,
        info: { bindAddr: string; bindPort: number },
      ) => void,
    ): this;
    once(event: 'ready' | 'close' | 'end', listen: () => void): this;
    forwardOut(
      boundAddress: string,
      boundPort: number,
      remoteAddress: string,
      remotePort: number,
      done: (error: Error | undefined, channel: Channel) => void,
    ): boolean;
    setNoDelay(noDelay: boolean): this;
    end(): this;
  }

  export interface ClientInfo {
    ip: string;
    port: number;
  }

  export class Server extends EventEmitter {
    constructor(
      options: {
        hostKeys: (string | Buffer)[];
        ident?: string;
        algorithms?: { cipher?: string[] };
        keepaliveInterval?: number;
        keepaliveCountMax?: number;
      },
      listen: (client: Connection, info: ClientInfo) => void,
    );
    injectSocket(socket: Socket): void;
  }

  export const utils: {
    parseKey(data: Buffer | string): ParsedKey | ParsedKey[] | Error;
    generateKeyPairSync(type: 'ed25519'): { private: string; public: string };
  };
  const ssh2: { Server: typeof Server; utils: typeof utils };
  export default ssh2;
}
