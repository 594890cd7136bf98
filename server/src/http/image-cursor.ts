import { ApiError } from '@atoll/protocol';
import type { ImagePlace } from '../image/image-lists.ts';

/** Names have no line breaks. */
export const formatImageCursor = ({ isOwn, workspaceId, repository, tag }: ImagePlace): string =>
  Buffer.from([isOwn ? 'own' : 'other', workspaceId, repository, tag].join('\n')).toString('base64url');

/** Throws `invalid_request` for what `formatImageCursor` has not made. */
export function parseImageCursor(cursor: string): ImagePlace {
  const [kind, workspaceId, repository, tag, ...more] = Buffer.from(cursor, 'base64url')
    .toString()
    .split('\n');
  if (workspaceId && repository && tag && more.length === 0 && (kind === 'own' || kind === 'other'))
    return { isOwn: kind === 'own', workspaceId, repository, tag };
  throw new ApiError('invalid_request', 'the cursor is not one that this server gave out', {
    hint: 'Begin again without a cursor.',
  });
}
