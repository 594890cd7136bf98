import { lookup as lookupName } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { Agent as PlainAgent, request as requestPlain } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import { BlockList, isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { ApiError } from '@atoll/protocol';
import { CLOSED_RANGES, NEVER_RANGES } from '../../network/denied-range.ts';

/** IPv6: unspecified, loopback, private and link-local ones, and those that translators lead to IPv4. */
const CLOSED_IPV6 = ['::/128', '::1/128', 'fc00::/7', 'fe80::/10', 'ff00::/8', '64:ff9b::/96', '2002::/16'];

const closed = new BlockList();
for (const range of [...NEVER_RANGES, ...CLOSED_RANGES, ...CLOSED_IPV6]) {
  const [address = '', prefix] = range.split('/');
  closed.addSubnet(address, Number(prefix), address.includes(':') ? 'ipv6' : 'ipv4');
}

/** Whether strangers must not send the server there. */
export const isClosedHost = (address: string): boolean =>
  closed.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

export interface Sending {
  method: string;
  headers: Record<string, string>;
  body?: string;
  signal: AbortSignal;
}

export type RemoteConnections = ReturnType<typeof createRemoteConnections>;

/**
 * Connections to wherever a reference says, and others to wherever a registry says, which lead to public addresses
 * alone. An address is judged as it is connected to, so a name cannot change in between; and the two never share a
 * connection that is kept.
 */
export function createRemoteConnections() {
  const agentsOf = (options: { lookup?: LookupFunction }) => ({
    plain: new PlainAgent({ keepAlive: true, ...options }),
    tls: new TlsAgent({ keepAlive: true, ...options }),
  });
  const anywhere = agentsOf({});
  const publicOnly = agentsOf({ lookup: lookupPublic });
  /** The head of the answer; its body is still to come. */
  return (url: URL, isNamed: boolean, { body, ...sending }: Sending): Promise<Response> => {
    const literal = url.hostname.replace(/^\[(.*)\]$/, '$1');
    // No name is looked up for an address.
    if (!isNamed && isIP(literal) !== 0 && isClosedHost(literal)) return Promise.reject(refusal(url.host));
    const agents = isNamed ? anywhere : publicOnly;
    return new Promise((resolve, reject) => {
      const request =
        url.protocol === 'https:'
          ? requestTls(url, { ...sending, agent: agents.tls })
          : requestPlain(url, { ...sending, agent: agents.plain });
      request.on('error', reject);
      request.once('response', (answer) => resolve(toResponse(answer)));
      request.end(body);
    });
  };
}

/** As dns.lookup, without the addresses that are closed. */
const lookupPublic: LookupFunction = (name, options, callback) => {
  lookupName(name, { ...options, all: true }, (error, found) => {
    if (error) return callback(error, []);
    const open = found.filter(({ address }) => !isClosedHost(address));
    const [first] = open;
    if (first === undefined) return callback(refusal(name), []);
    if (options.all) return callback(null, open satisfies LookupAddress[]);
    callback(null, first.address, first.family);
  });
};

const refusal = (host: string): ApiError =>
  new ApiError('registry_failed', `refusing to follow the registry to ${host}: it is not a public address`, {
    hint: 'Only a host that the reference names may be private, or one named by `atoll server --insecure-registry HOST`.',
  });

const BODILESS = [204, 205, 304];

function toResponse(answer: IncomingMessage): Response {
  const { statusCode: status = 0, headersDistinct } = answer;
  const headers = new Headers();
  for (const [name, values] of Object.entries(headersDistinct))
    for (const value of values ?? []) headers.append(name, value);
  if (!BODILESS.includes(status))
    return new Response(Readable.toWeb(answer) as ReadableStream, { status, headers }); // the same class
  answer.resume();
  return new Response(null, { status, headers });
}
