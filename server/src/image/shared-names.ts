import { ApiError } from '@atoll/protocol';
import type { Db } from '../store/db.ts';

interface Repository {
  workspaceId: string;
  repository: string;
}

/** The workspace whose image a name of this workspace means while it is shared with it. */
export const sharedFrom = (
  db: Db,
  { workspaceId, repository }: Repository,
): { id: string; name: string } | undefined =>
  db.get(
    `SELECT w.id, w.name FROM image_shares s JOIN workspaces w ON w.id = s.source_workspace_id
       WHERE s.target_workspace_id = ? AND s.repository = ?`,
    workspaceId,
    repository,
  );

/** Refuses a name that means another workspace's image while that is shared with this one. */
export function verifyNotSharedHere(db: Db, at: Repository): void {
  if (sharedFrom(db, at) === undefined) return;
  throw new ApiError('conflict', `${at.repository} is an image that another workspace shares with this one`, {
    hint: 'Choose another name, or have the share ended with `atoll image unshare`.',
  });
}

/** Refuses to take away what other workspaces use: neither the image nor one of its tags. */
export function verifyNotShared(db: Db, { workspaceId, repository }: Repository): void {
  const users = db.all<{ name: string }>(
    `SELECT w.name FROM image_shares s JOIN workspaces w ON w.id = s.target_workspace_id
       WHERE s.source_workspace_id = ? AND s.repository = ? ORDER BY w.name LIMIT 5`,
    workspaceId,
    repository,
  );
  if (users.length === 0) return;
  throw new ApiError(
    'image_in_use',
    `${repository} is shared with ${users.map(({ name }) => name).join(', ')}`,
    { hint: 'Take it back first: `atoll image unshare`.' },
  );
}
