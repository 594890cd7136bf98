import { withoutUndefined } from '../../lib/without-undefined.ts';
import type { RequestContext } from '../request-context.ts';
import { hasPages } from './blaxel-version.ts';

interface PageQuery {
  cursor?: string | undefined;
  limit?: number | undefined;
}

/** A list as the version of the client has it: an array, or a page. A cursor is the id of the last one that was shown; what is gone meanwhile ends the list. */
export function listOf<T extends { id: string }, V>(
  all: readonly T[],
  show: (one: T) => V,
  { cursor, limit }: PageQuery,
  context: RequestContext,
) {
  const start = cursor === undefined ? 0 : all.findIndex(({ id }) => id === cursor) + 1;
  const rest = start === 0 && cursor !== undefined ? [] : all.slice(start);
  const shown = limit === undefined ? rest : rest.slice(0, limit);
  const data = shown.map(show);
  if (!hasPages(context)) return data;
  const last = rest.length > shown.length ? shown.at(-1) : undefined;
  return {
    data,
    meta: withoutUndefined({ hasMore: last !== undefined, nextCursor: last?.id, total: all.length }),
  };
}
