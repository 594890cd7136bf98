import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { ApiError } from '@atoll/protocol';
import type { Previews } from '../sandbox/previews.ts';
import type { Preview } from '../store/preview-store.ts';
import { portResponseHeaders } from './port-headers.ts';

/** Where the tokens of private previews stand (blaxel wire 1.8). */
export const PREVIEW_TOKEN = 'bl_preview_token';
const TOKEN_HEADER = 'x-blaxel-preview-token';

/** Whether somebody may come in by a preview; throws `unauthenticated`. */
export type PreviewGate = (request: IncomingMessage, preview: Preview) => void;

export const createPreviewGate =
  ({ isToken }: Pick<Previews, 'isToken'>): PreviewGate =>
  (request, preview) => {
    if (preview.isPublic) return;
    const shown = [headerToken(request), queryToken(request.url), cookieToken(request)];
    if (shown.some((token) => token !== undefined && isToken(preview, token))) return;
    throw new ApiError('unauthenticated', 'this preview is private', {
      hint: `Send a token of it as ${TOKEN_HEADER} or as ?${PREVIEW_TOKEN}=.`,
    });
  };

const headerToken = ({ headersDistinct }: IncomingMessage): string | undefined =>
  headersDistinct[TOKEN_HEADER]?.[0];

function queryToken(url = ''): string | undefined {
  const start = url.indexOf('?');
  return start < 0 ? undefined : (new URLSearchParams(url.slice(start)).get(PREVIEW_TOKEN) ?? undefined);
}

const cookieToken = ({ headers }: IncomingMessage): string | undefined =>
  headers.cookie
    ?.split(';')
    .map((each) => each.trim().split('='))
    .find(([name]) => name === PREVIEW_TOKEN)?.[1];

/** The path without the token, which is none of the business of the server in the sandbox. */
export function withoutToken(path: string): string {
  const start = path.indexOf('?');
  if (start < 0 || !path.includes(PREVIEW_TOKEN, start)) return path;
  const kept = path
    .slice(start + 1)
    .split('&')
    .filter((part) => !part.startsWith(`${PREVIEW_TOKEN}=`));
  return path.slice(0, start) + (kept.length === 0 ? '' : `?${kept.join('&')}`);
}

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
