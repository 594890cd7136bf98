import { createHmac, timingSafeEqual } from 'node:crypto';
import { ApiError } from '@atoll/protocol';
import { AGENT_PORT } from '../agent/port.ts';
import type { Clock } from '../lib/clock.ts';
import { randomId } from '../lib/id.ts';
import { withoutUndefined } from '../lib/without-undefined.ts';
import type { Preview, PreviewStore, PreviewToken } from '../store/preview-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';

/** What a client asks of a preview. */
export interface PreviewRequest {
  name: string;
  port: number;
  isPublic: boolean;
  prefix?: string;
  expiresAt?: number;
  requestHeaders: Record<string, string>;
  responseHeaders: Record<string, string>;
  by: string;
}

/** Where a preview is reached, for a client that reached this server at `baseUrl`. */
export type PreviewUrl = (preview: Pick<Preview, 'id' | 'prefix'>, baseUrl: string) => string;

export interface IssuedToken {
  name: string;
  value: string;
  expiresAt?: number;
}

export interface PreviewsOptions {
  store: PreviewStore;
  serverKey: Buffer;
  clock: Clock;
}

export type Previews = ReturnType<typeof createPreviews>;

/** Stands for the API of the sandbox itself, in URLs for programs that hold a token instead of a key. */
export const API_PORTS: ReadonlySet<number> = new Set([443, 8080]);
const ID_LENGTH = 16;
const MAX_PREVIEWS = 100;
const MAX_TOKENS = 100;

/**
 * Ports of sandboxes with a URL of their own. An id says nothing about the sandbox, and cannot be guessed; the same name of
 * the same sandbox has the same again, and no other sandbox ever has it, whatever that is called. A token is derived from the server's key, so that none lies in the database.
 */
export function createPreviews({ store, serverKey, clock }: PreviewsOptions) {
  const listeners: (() => void)[] = [];

  const idOf = ({ id }: SandboxRecord, preview: string): string => {
    const place = `preview\0${id}\0${preview}`;
    const digest = createHmac('sha256', serverKey).update(place).digest('hex');
    return BigInt(`0x${digest}`).toString(36).slice(0, ID_LENGTH);
  };

  const valueOf = (previewId: string, { name, nonce }: PreviewToken): string =>
    createHmac('sha256', serverKey)
      .update(`preview-token\0${previewId}\0${name}\0${nonce}`)
      .digest('base64url');

  const isOver = ({ expiresAt = Infinity }: { expiresAt?: number }): boolean => expiresAt <= clock.now();

  const issued = (previewId: string, token: PreviewToken): IssuedToken =>
    withoutUndefined({ name: token.name, value: valueOf(previewId, token), expiresAt: token.expiresAt });

  const find = (record: SandboxRecord, name: string): Preview | undefined => {
    const one = store.byName(record.id, name);
    return one && !isOver(one) ? one : undefined;
  };

  const require = (record: SandboxRecord, name: string): Preview => {
    const one = find(record, name);
    if (one) return one;
    throw new ApiError(
      'not_found',
      `sandbox ${record.name ?? record.id} has no preview ${name.slice(0, 80)}`,
    );
  };

  const announce = (): void => listeners.forEach((listen) => listen());

  const write = (record: SandboxRecord, asked: PreviewRequest, before: Preview | undefined): Preview => {
    check(asked);
    const now = clock.now();
    const { by, ...settings } = asked;
    const one: Preview = {
      ...settings,
      id: before?.id ?? idOf(record, asked.name),
      workspaceId: record.workspaceId,
      sandboxId: record.id,
      createdAt: before?.createdAt ?? now,
      createdBy: before?.createdBy ?? by,
      updatedAt: now,
    };
    store.put(one);
    if (before) announce();
    return one;
  };

  return {
    /** Makes one; one of the name that is there is refused, or with `force` replaced. */
    create: (record: SandboxRecord, asked: PreviewRequest, force: boolean): Preview =>
      store.transaction(() => {
        store.removeExpired(clock.now());
        const before = find(record, asked.name);
        if (before && !force)
          throw new ApiError(
            'conflict',
            `sandbox ${record.name ?? record.id} has a preview ${asked.name} already`,
            {
              hint: 'Choose another name, or replace it with force=true.',
            },
          );
        if (!before && store.ofSandbox(record.id).length >= MAX_PREVIEWS)
          throw new ApiError('limit_exceeded', `a sandbox has ${MAX_PREVIEWS} previews at most`);
        return write(record, asked, before);
      }),
    replace: (record: SandboxRecord, asked: PreviewRequest): Preview =>
      write(record, asked, require(record, asked.name)),
    get: require,
    list: (record: SandboxRecord): Preview[] => store.ofSandbox(record.id).filter((one) => !isOver(one)),
    remove: (record: SandboxRecord, name: string): Preview => {
      const one = require(record, name);
      store.remove(one.id);
      announce();
      return one;
    },
    /** By what a URL names it, as long as it lasts. */
    byId: (id: string): Preview | undefined => {
      const one = store.byId(id);
      return one && !isOver(one) ? one : undefined;
    },
    tokens: {
      create: (preview: Preview, name: string | undefined, expiresAt: number | undefined): IssuedToken => {
        const known = store.tokensOf(preview.id);
        const token = withoutUndefined({
          name: name ?? `token-${randomId(8)}`,
          nonce: randomId(16),
          expiresAt,
        });
        if (known.length >= MAX_TOKENS)
          throw new ApiError('limit_exceeded', `a preview has ${MAX_TOKENS} tokens at most`);
        if (known.some((each) => each.name === token.name))
          throw new ApiError('conflict', `preview ${preview.name} has a token ${token.name} already`);
        store.putToken(preview.id, token);
        return issued(preview.id, token);
      },
      list: (preview: Preview): IssuedToken[] =>
        store.tokensOf(preview.id).map((token) => issued(preview.id, token)),
      /** By its name, or by itself: clients have both. */
      remove: (preview: Preview, nameOrValue: string): void => {
        const found = store
          .tokensOf(preview.id)
          .find((token) => token.name === nameOrValue || valueOf(preview.id, token) === nameOrValue);
        if (!found) throw new ApiError('not_found', `preview ${preview.name} has no such token`);
        store.removeToken(preview.id, found.name);
        announce();
      },
    },
    /** The token that somebody shows, if a private preview opens to it. */
    findToken: (preview: Preview, shown: string): PreviewToken | undefined =>
      store
        .tokensOf(preview.id)
        .find((token) => !isOver(token) && isEqual(valueOf(preview.id, token), shown)),
    /** Told when a preview ends, or lets in others than before. */
    onChange: (listen: () => void): void => void listeners.push(listen),
  };
}

function isEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** What frames a message, or what this server answers for. */
const neverSet =
  /^(connection|content-length|transfer-encoding|upgrade|te|trailer|keep-alive|expect|host|proxy-.*|x-atoll-.*|x-forwarded-.*)$/;
const neverAnswered = /^(set-cookie|content-security-policy|location|content-encoding|content-type)$/;

function check({ port, isPublic, prefix, requestHeaders, responseHeaders }: PreviewRequest): void {
  if (port === AGENT_PORT)
    throw new ApiError('invalid_request', `port ${AGENT_PORT} is the sandbox's own and has no previews`);
  if (API_PORTS.has(port) && isPublic)
    throw new ApiError('invalid_request', `port ${port} is the API of the sandbox, which is never public`, {
      hint: 'Make the preview private, and a token for who may use it.',
    });
  if (prefix !== undefined && !/^[a-z0-9]([a-z0-9-]{0,35}[a-z0-9])?$/.test(prefix))
    throw new ApiError('invalid_request', 'a prefix has 1 to 37 characters a–z, 0–9 and "-" between others');
  for (const [name, value] of Object.entries({ ...requestHeaders, ...responseHeaders })) {
    if (neverSet.test(name) || (neverAnswered.test(name) && name in responseHeaders))
      throw new ApiError('invalid_request', `a preview does not set the header ${name}`);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      throw new ApiError('invalid_request', `the value of the header ${name} holds what no header may`);
  }
}
