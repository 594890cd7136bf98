import { ApiError } from '@atoll/protocol';
import type { Deployed } from '../../sandbox/deployed-sandboxes.ts';
import { shownName, statusOf } from './sandbox-view.ts';

/** What a list asks for, as the wire has it. */
export interface PageQuery {
  cursor?: string | undefined;
  limit?: number | undefined;
  sort?: string | undefined;
  q?: string | undefined;
  anchor?: 'start' | 'end' | undefined;
  status?: string | undefined;
  showTerminated?: 'true' | 'false' | undefined;
  externalId?: string | undefined;
}

export interface Page {
  shown: Deployed[];
  nextCursor?: string;
  total: number;
}

const DEFAULT_LIMIT = 50;
/** By order of the list, among equals by id: a place that stays when others come and go. */
type Place = readonly [string, string];

/** The part of a list that was asked for. Each page says where the next one begins. */
export function pageOf(all: readonly Deployed[], query: PageQuery, now: number): Page {
  const { field, isDescending } = orderOf(query.sort);
  const placeOf = (one: Deployed): Place => [keyOf(one, field), one.record.id];
  const direction = isDescending ? -1 : 1;
  const found = all
    .filter((one) => isWanted(one, query, now))
    .toSorted((one, other) => direction * compare(placeOf(one), placeOf(other)));
  const after = query.cursor === undefined ? undefined : parseCursor(query.cursor);
  const rest = after ? found.filter((one) => direction * compare(placeOf(one), after) > 0) : found;
  const limit = query.limit ?? DEFAULT_LIMIT;
  const shown = query.anchor === 'end' && !after ? rest.slice(-limit) : rest.slice(0, limit);
  const last = shown.at(-1);
  const hasMore = last !== undefined && last !== rest.at(-1);
  return { shown, total: found.length, ...(hasMore && { nextCursor: formatCursor(placeOf(last)) }) };
}

/** Whether a list without versions of its envelope shows it: everything, because it cannot say that there is more. */
export const isWanted = (one: Deployed, query: PageQuery, now: number): boolean => {
  const status = statusOf(one, now);
  const statuses = query.status?.split(',').map((each) => each.trim().toUpperCase());
  if (statuses ? !statuses.includes(status) : isOver(status) && query.showTerminated !== 'true') return false;
  if (query.externalId !== undefined && one.declaration?.externalId !== query.externalId) return false;
  return query.q === undefined || isMatch(one, query.q.toLowerCase());
};

const isOver = (status: ReturnType<typeof statusOf>): boolean => status === 'TERMINATED';

function isMatch({ record, declaration }: Deployed, text: string): boolean {
  const labels = Object.entries(declaration?.labels ?? {}).flat();
  return [shownName(record), declaration?.displayName ?? '', declaration?.externalId ?? '', ...labels].some(
    (part) => part.toLowerCase().includes(text),
  );
}

type Field = 'createdAt' | 'updatedAt' | 'name';

function orderOf(sort = 'createdAt:desc'): { field: Field; isDescending: boolean } {
  const [field = 'createdAt', direction = 'asc'] = sort.split(':');
  return { field: field as Field, isDescending: direction === 'desc' }; // by the schema's pattern
}

function keyOf({ record, declaration }: Deployed, field: Field): string {
  if (field === 'name') return shownName(record);
  const at = declaration?.[field] ?? record.createdAt;
  return String(at).padStart(16, '0');
}

function compare([key, id]: Place, [otherKey, otherId]: Place): number {
  if (key !== otherKey) return key < otherKey ? -1 : 1;
  if (id === otherId) return 0;
  return id < otherId ? -1 : 1;
}

const formatCursor = (place: Place): string => Buffer.from(place.join('\n')).toString('base64url');

function parseCursor(cursor: string): Place {
  const [key, id, ...more] = Buffer.from(cursor, 'base64url').toString().split('\n');
  if (key === undefined || id === undefined || more.length > 0)
    throw new ApiError('invalid_request', 'the cursor is not one that this server gave out', {
      hint: 'Begin again without a cursor.',
    });
  return [key, id];
}
