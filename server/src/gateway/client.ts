import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Forwarded } from './port-headers.ts';

/** How the client reached this server; a reverse proxy before it is believed where the operator says so. */
export function createClientReader({ trustProxy }: { trustProxy: boolean }) {
  return (request: IncomingMessage): Pick<Forwarded, 'address' | 'host' | 'proto'> => {
    const forwarded = trustProxy ? request.headersDistinct : {};
    const isEncrypted = (request.socket as Partial<TLSSocket>).encrypted === true; // only TLS has it
    return {
      // The nearest proxy wrote the last entry; what stands before it is anybody's word.
      address: lastOf(forwarded['x-forwarded-for']) ?? request.socket.remoteAddress ?? 'unknown',
      proto: lastOf(forwarded['x-forwarded-proto']) ?? (isEncrypted ? 'https' : 'http'),
      host: lastOf(forwarded['x-forwarded-host']) ?? request.headers.host ?? 'localhost',
    };
  };
}

const lastOf = (values: string[] | undefined): string | undefined =>
  values?.join(',').split(',').at(-1)?.trim();
