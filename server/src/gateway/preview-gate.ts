import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { ApiError } from '@atoll/protocol';
import type { Previews } from '../sandbox/previews.ts';
import type { Preview } from '../store/preview-store.ts';
import type { Admission } from '../tenancy/access-watch.ts';
import { portResponseHeaders } from './port-headers.ts';
import { withoutParameter } from './query.ts';

/** Where the tokens of private previews stand (blaxel wire 1.8). */
export const PREVIEW_TOKEN = 'bl_preview_token';
const TOKEN_HEADER = 'x-blaxel-preview-token';

/** Whether somebody may come in by a preview, or stay; throws `unauthenticated`, or `not_found` when it has ended. */
export type PreviewGate = (request: IncomingMessage, preview: Preview) => Admission;

export const createPreviewGate =
  ({ byId, findToken }: Pick<Previews, 'byId' | 'findToken'>): PreviewGate =>
  (request, addressed) => {
    // As it is now: who is in already may have come by one that has changed since.
    const preview = byId(addressed.id);
    if (preview?.port !== addressed.port) throw new ApiError('not_found', 'this preview has ended');
    const { expiresAt = Infinity } = preview;
    if (preview.isPublic) return { endsAt: expiresAt };
    for (const shown of [headerToken(request), queryToken(request.url), cookieToken(request)]) {
      const token = shown === undefined ? undefined : findToken(preview, shown);
      if (token) return { endsAt: Math.min(expiresAt, token.expiresAt ?? Infinity) };
    }
    throw new ApiError('unauthenticated', 'this preview is private', {
      hint: `Send a token of it as ${TOKEN_HEADER} or as ?${PREVIEW_TOKEN}=.`,
    });
  };

const headerToken = ({ headersDistinct }: IncomingMessage): string | undefined =>
  headersDistinct[TOKEN_HEADER]?.[0];

/** What is no token by its form is none: it would come back as a cookie, in a header of the answer. */
function queryToken(url = ''): string | undefined {
  const start = url.indexOf('?');
  const shown = start < 0 ? null : new URLSearchParams(url.slice(start)).get(PREVIEW_TOKEN);
  return shown !== null && /^[\w-]{1,100}$/.test(shown) ? shown : undefined;
}

const cookieToken = ({ headers }: IncomingMessage): string | undefined =>
  headers.cookie
    ?.split(';')
    .map((each) => each.trim().split('='))
    .find(([name]) => name === PREVIEW_TOKEN)?.[1];

/** A path without the token, which is none of the business of the server in the sandbox. */
export const withoutToken = (path: string): string => withoutParameter(path, PREVIEW_TOKEN);

/** What the server in the sandbox gets besides: not the token in the address of the page that asks. */
export const previewRequestHeaders = (
  { headers }: IncomingMessage,
  { requestHeaders }: Preview,
): OutgoingHttpHeaders => ({
  ...(headers.referer !== undefined && { referer: withoutToken(headers.referer) }),
  ...requestHeaders,
});

/** A browser that came with a token in the URL needs it for what the page asks for next, too. */
export function tokenCookie(
  request: IncomingMessage,
  preview: Preview,
  prefix: string,
  isEncrypted: boolean,
): OutgoingHttpHeaders {
  const token = preview.isPublic || request.method !== 'GET' ? undefined : queryToken(request.url);
  if (token === undefined) return {};
  const secure = isEncrypted ? '; Secure' : '';
  const path = prefix === '' ? '/' : prefix;
  return { 'set-cookie': `${PREVIEW_TOKEN}=${token}; Path=${path}; HttpOnly; SameSite=Lax${secure}` };
}

/** The headers that whoever made the preview wants in every answer, as far as any server in a sandbox may send them. */
export function previewHeaders({ responseHeaders }: Preview, prefix: string): OutgoingHttpHeaders {
  const allowed = Object.entries(portResponseHeaders(responseHeaders, prefix));
  return Object.fromEntries(allowed.filter(([name]) => Object.hasOwn(responseHeaders, name)));
}

/** What a browser asks before it lets a page of another origin ask: it shows no token then. */
export const isAnsweredPreflight = (request: IncomingMessage, { responseHeaders }: Preview): boolean =>
  request.method === 'OPTIONS' &&
  request.headers['access-control-request-method'] !== undefined &&
  responseHeaders['access-control-allow-origin'] !== undefined;
