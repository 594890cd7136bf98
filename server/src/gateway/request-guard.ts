import type { IncomingMessage } from 'node:http';
import { ApiError } from '@atoll/protocol';

/** What the agent serves to clients; everything else on its port is for the server alone. */
const DATA_PLANE = '/api/v1/';

/**
 * Refuses what two parsers could read in two ways, before it is passed on: the agent, or what a sandbox put in its
 * place, must see the request that the gateway has judged. The HTTP parser itself refuses doubled or contradictory
 * lengths.
 */
export function guardRequest(request: IncomingMessage, url = request.url ?? ''): void {
  guardPath(url);
  guardHeaders(request);
}

function guardPath(url: string): void {
  const [path = ''] = url.split('?', 1);
  if (!path.startsWith(DATA_PLANE))
    throw new ApiError('route_not_found', `a sandbox answers below ${DATA_PLANE}, not ${path.slice(0, 80)}`);
  const segments = decodePath(path).slice(1).split(/[/\\]/);
  if (path.includes('//') || segments.some((segment) => segment === '.' || segment === '..'))
    throw new ApiError('invalid_request', 'the path has `.`, `..` or empty segments; send it resolved');
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new ApiError('invalid_request', 'the path is not a valid URL path', { cause });
  }
}

/**
 * The same for the sandbox API below a path, where doubled and encoded slashes mean something: its own server reads the
 * path as it was sent. Only a way out of the prefix is refused.
 */
export function guardBelow(request: IncomingMessage): void {
  const [path = ''] = (request.url ?? '').split('?', 1);
  if (path.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment)))
    throw new ApiError('invalid_request', 'the path has `.` or `..` segments; send it resolved');
  decodePath(path);
  guardHeaders(request);
}

/** Refuses framing that two parsers could read in two ways. */
export function guardHeaders({ headersDistinct }: IncomingMessage): void {
  const codings = headersDistinct['transfer-encoding'];
  if (codings !== undefined && codings.join().toLowerCase() !== 'chunked')
    throw new ApiError('invalid_request', 'Transfer-Encoding may only be `chunked`, once');
  if (headersDistinct.host !== undefined && headersDistinct.host.length > 1)
    throw new ApiError('invalid_request', 'Host is given twice');
}
