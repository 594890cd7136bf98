import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

export type BaseUrlReader = (request: IncomingMessage) => string;

/** Scheme and host as the client used them, so that the server works behind a proxy that it was told to trust. */
export function createBaseUrlReader({ trustProxy }: { trustProxy: boolean }): BaseUrlReader {
  return (request) => {
    const forwarded = trustProxy ? request.headers : {};
    const scheme =
      first(forwarded['x-forwarded-proto']) ?? ((request.socket as TLSSocket).encrypted ? 'https' : 'http');
    const host = first(forwarded['x-forwarded-host']) ?? request.headers.host ?? 'localhost';
    return `${scheme}://${host}`;
  };
}

const first = (header: string | string[] | undefined): string | undefined =>
  (Array.isArray(header) ? header[0] : header)?.split(',')[0]?.trim();
