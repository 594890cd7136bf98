import { reservedWorkspaces } from '@atoll/protocol';
import type { Db } from '../store/db.ts';
import type { ImageRecords } from './image-records.ts';
import { describeImage } from './resolve.ts';
import type { ImageDescription } from './image-store.ts';

/** Where a list goes on: behind this tag. */
export interface ImagePlace {
  /** Whether it is one of the workspace's own, which come first. */
  isOwn: boolean;
  repository: string;
  tag: string;
  workspaceId: string;
}

export interface ImagePage {
  /** Leaves out the public images of other workspaces, unless they are shared with this one. */
  withoutPublic?: boolean;
  after?: ImagePlace;
  /** Absent: all. */
  limit?: number;
}

/** A name that is shared with a workspace means the share, not what the workspace itself has under that name. */
const shadowed = 'SELECT repository FROM image_shares WHERE target_workspace_id = ?1';
const shared =
  'SELECT source_workspace_id AS workspace_id, repository AS name FROM image_shares WHERE target_workspace_id = ?1';
const reserved = reservedWorkspaces.map((name) => `'${name}'`).join(', ');
/** Each half by an index of its own. */
const publicOnes = `SELECT workspace_id, name FROM image_repositories
    WHERE is_public = 1 AND workspace_id NOT IN (${reserved}) AND workspace_id <> ?1
  UNION SELECT workspace_id, name FROM image_repositories
    WHERE is_public = 1 AND workspace_id IN (${reserved}) AND workspace_id <> ?1`;
const isImage = 't.image_id IS NOT NULL';
const columns = 't.workspace_id AS workspaceId, t.repository, t.tag';
const isOwnTag = `t.workspace_id = ?1 AND ${isImage} AND t.repository NOT IN (${shadowed})`;

/** What a workspace reads of its images, a page at a time. */
export interface ImageLists {
  /** Tags of images; `next` where there are more. */
  page(workspaceId: string, page?: ImagePage): { images: ImageDescription[]; next?: ImagePlace };
  /** How many there are on all pages without public ones of others. */
  count(workspaceId: string): number;
  /** Names of the workspace's own repositories that hold images and of those that are shared with it, in their order. */
  repositories(workspaceId: string, page?: { after?: string; limit?: number }): string[];
  repositoryCount(workspaceId: string): number;
  /** The tags of the image that a name means in a workspace; none where it means none. */
  repository(workspaceId: string, name: string): ImageDescription[];
}

export function createImageLists(db: Db, records: ImageRecords): ImageLists {
  const places = createImagePlaces(db);
  const describe = (workspaceId: string, shown: readonly ImagePlace[]): ImageDescription[] =>
    shown.flatMap(({ workspaceId: owner, repository, tag }) => {
      const row = records.findByTag(owner, repository, tag);
      return row ? [describeImage(records, workspaceId, row)] : [];
    });
  return {
    page: (workspaceId, page = {}) => {
      const { limit } = page;
      const found = places.of(workspaceId, { ...page, ...(limit !== undefined && { limit: limit + 1 }) });
      const shown = found.slice(0, limit);
      const next = found.length > shown.length ? shown.at(-1) : undefined;
      return { images: describe(workspaceId, shown), ...(next && { next }) };
    },
    count: places.count,
    repositories: (workspaceId, page = {}) => places.repositories(workspaceId, page.after, page.limit),
    repositoryCount: places.repositoryCount,
    repository: (workspaceId, name) => describe(workspaceId, places.ofRepository(workspaceId, name)),
  };
}

/**
 * Which tags a workspace (?1) has in its list, in an order in which a page can go on behind any of them: its own first,
 * each kind by repository and tag. A page reads no more than its part of an index, however many there are.
 */
function createImagePlaces(db: Db) {
  const own = (workspaceId: string, limit: number, after?: ImagePlace): ImagePlace[] =>
    db
      .all<Omit<ImagePlace, 'isOwn'>>(
        `SELECT ${columns} FROM image_tags t WHERE ${isOwnTag} AND (t.repository, t.tag) > (?2, ?3)
           ORDER BY t.repository, t.tag LIMIT ?4`,
        workspaceId,
        after?.repository ?? '',
        after?.tag ?? '',
        limit,
      )
      .map((place) => ({ ...place, isOwn: true }));
  const others = (workspaceId: string, sources: string, limit: number, after?: ImagePlace): ImagePlace[] =>
    db
      .all<Omit<ImagePlace, 'isOwn'>>(
        `SELECT ${columns} FROM (${sources}) s
           JOIN image_tags t ON t.workspace_id = s.workspace_id AND t.repository = s.name
           WHERE ${isImage} AND (t.repository, t.tag, t.workspace_id) > (?2, ?3, ?4)
           ORDER BY t.repository, t.tag, t.workspace_id LIMIT ?5`,
        workspaceId,
        after?.repository ?? '',
        after?.tag ?? '',
        after?.workspaceId ?? '',
        limit,
      )
      .map((place) => ({ ...place, isOwn: false }));

  return {
    of: (workspaceId: string, { withoutPublic = false, after, limit = -1 }: ImagePage): ImagePlace[] => {
      const ofOwn = after?.isOwn === false ? [] : own(workspaceId, limit, after);
      if (ofOwn.length === limit) return ofOwn;
      const sources = withoutPublic ? shared : `${shared} UNION ${publicOnes}`;
      const rest = limit < 0 ? limit : limit - ofOwn.length;
      return [...ofOwn, ...others(workspaceId, sources, rest, after?.isOwn === false ? after : undefined)];
    },

    count: (workspaceId: string): number =>
      db.get<{ count: number }>(
        `SELECT (SELECT count(*) FROM image_tags t WHERE ${isOwnTag}) + (SELECT count(*) FROM (${shared}) s
           JOIN image_tags t ON t.workspace_id = s.workspace_id AND t.repository = s.name WHERE ${isImage}) AS count`,
        workspaceId,
      )?.count ?? 0,
    repositories: (workspaceId: string, after = '', limit = -1): string[] =>
      db
        .all<{ name: string }>(
          `SELECT name FROM image_repositories r WHERE workspace_id = ?1 AND name > ?2 AND EXISTS
             (SELECT 1 FROM image_tags t WHERE ${isImage} AND t.workspace_id = r.workspace_id AND t.repository = r.name)
           UNION SELECT repository FROM image_shares WHERE target_workspace_id = ?1 AND repository > ?2
           ORDER BY name LIMIT ?3`,
          workspaceId,
          after,
          limit,
        )
        .map(({ name }) => name),
    repositoryCount: (workspaceId: string): number =>
      db.get<{ count: number }>(
        `SELECT count(*) AS count FROM (SELECT repository FROM image_tags t WHERE workspace_id = ?1 AND ${isImage}
           UNION SELECT repository FROM image_shares WHERE target_workspace_id = ?1)`,
        workspaceId,
      )?.count ?? 0,
    ofRepository: (workspaceId: string, repository: string): ImagePlace[] =>
      db
        .all<Omit<ImagePlace, 'isOwn'>>(
          `SELECT ${columns} FROM image_tags t WHERE ${isImage} AND t.repository = ?2 AND t.workspace_id = coalesce(
             (SELECT source_workspace_id FROM image_shares WHERE target_workspace_id = ?1 AND repository = ?2), ?1)
             ORDER BY t.tag`,
          workspaceId,
          repository,
        )
        .map((place) => ({ ...place, isOwn: place.workspaceId === workspaceId })),
  };
}
