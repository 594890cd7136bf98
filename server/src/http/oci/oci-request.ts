import type { IncomingMessage, ServerResponse } from 'node:http';
import { RegistryError } from '../../image/registry/registry-error.ts';

/** A request to the registry with what every handler needs. */
export interface OciRequest {
  request: IncomingMessage;
  response: ServerResponse;
  query: URLSearchParams;
}

const BODY_IDLE_MS = 60_000;

/** The body as it arrives; one that stalls is cut, so that no upload is held up for ever. */
export async function* bodyOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  const cut = (): void => void request.destroy();
  let timer = setTimeout(cut, BODY_IDLE_MS).unref();
  try {
    // A body that is refused half way still gets its answer.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      clearTimeout(timer);
      yield chunk;
      timer = setTimeout(cut, BODY_IDLE_MS).unref();
    }
  } finally {
    clearTimeout(timer);
  }
}

/** A whole small body. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bodyOf(request)) {
    size += chunk.length;
    if (size > maxBytes) throw new RegistryError('too_large', `the body has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Whether the request announces a body. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

export function sendJson(
  response: ServerResponse,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

export interface Page {
  after: string;
  limit: number;
}

const MAX_PAGE = 10_000;

/** `n` and `last` of a list. */
export function pageOf(query: URLSearchParams): Page {
  const after = query.get('last') ?? '';
  const n = query.get('n');
  if (n === null) return { after, limit: MAX_PAGE };
  if (/^\d{1,9}$/.test(n)) return { after, limit: Math.min(Number(n), MAX_PAGE) };
  throw new RegistryError('pagination_number_invalid', 'n is a whole number from 0');
}

/** The head of a list that was read with one entry more than asked, and the link to its rest. */
export function cutPage(
  entries: readonly string[],
  { limit }: Page,
  path: string,
  spell: (entry: string) => string = (entry) => entry,
): { shown: string[]; headers: Record<string, string> } {
  const shown = entries.slice(0, limit);
  const last = shown.at(-1);
  if (entries.length <= limit || last === undefined) return { shown: shown.map(spell), headers: {} };
  const next = `${path}?n=${limit}&last=${encodeURIComponent(spell(last))}`;
  return { shown: shown.map(spell), headers: { link: `<${next}>; rel="next"` } };
}
