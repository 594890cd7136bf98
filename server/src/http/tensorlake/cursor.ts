import { ApiError } from '@atoll/protocol';

/** Where a page ends: a time and, among equals, an id. */
export interface Position {
  at: number;
  id: string;
}

export const formatCursor = ({ at, id }: Position): string => `${at}.${id}`;

/** Throws `invalid_request` for what `formatCursor` has not made. */
export function parseCursor(cursor: string): Position {
  const [, at, id] = /^(\d{1,16})\.([a-z0-9]{21})$/.exec(cursor) ?? [];
  if (at === undefined || id === undefined) {
    throw new ApiError('invalid_request', 'the cursor is not one that this server gave out', {
      hint: 'Begin again without a cursor.',
    });
  }
  return { at: Number(at), id };
}
