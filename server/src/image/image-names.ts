import { ApiError } from '@atoll/protocol';
import type { ImageDefinitions } from './image-definitions.ts';
import { tryParseReference, verifyNewName } from './image-name.ts';
import type { ImageRecords, ImageRow } from './image-records.ts';
import type { RepositoryRecords } from './registry/repository-records.ts';
import { findImage, imageNotFound } from './resolve.ts';

interface Options {
  records: ImageRecords;
  repositories: RepositoryRecords;
  definitions: ImageDefinitions;
}

/** Gives images further names and takes names away. What runs is not touched: sandboxes hold manifests, not names. */
export function createImageNames({ records, repositories, definitions }: Options) {
  const findOwn = (workspaceId: string, ref: string): ImageRow => {
    const row = findImage(records, workspaceId, ref);
    if (row === undefined) throw imageNotFound(ref);
    if (row.workspace_id === workspaceId) return row;
    throw new ApiError('forbidden', `the image ${ref} belongs to another workspace`, {
      hint: 'Only images of your own workspace can be removed.',
    });
  };
  /** What no tag of the repository names any more is not kept by its digest alone. */
  const dropUnnamed = (at: { workspaceId: string; repository: string }, digests: readonly string[]): void => {
    for (const digest of digests) {
      if (!repositories.isTagged(at, digest)) repositories.removeManifest(at, digest);
    }
  };
  const removeTag = (workspaceId: string, repository: string, tag: string): boolean => {
    const at = { workspaceId, repository };
    const named = repositories.tagged(at, tag);
    if (named === undefined) return false;
    const image = records.findByTag(workspaceId, repository, tag);
    repositories.removeTag(at, tag);
    dropUnnamed(at, [named.digest, ...(image ? [image.manifest_digest] : [])]);
    return true;
  };

  return {
    /** Takes away a name, or by id an image with all its names. */
    remove: (workspaceId: string, ref: string): void =>
      repositories.transaction(() => {
        const reference = tryParseReference(ref);
        if (reference?.workspace === undefined && reference !== undefined) {
          refuseShared(records, workspaceId, reference.repository);
          if (removeTag(workspaceId, reference.repository, reference.tag)) return;
        }
        const image = findOwn(workspaceId, ref);
        for (const tag of records.tagsOf(image.id)) removeTag(workspaceId, image.repository, tag);
        records.removeImage(image);
      }),
    /** Names an image once more; returns the id under the new name. */
    tag: (workspaceId: string, ref: string, name: string): string =>
      repositories.transaction(() => {
        const row = findImage(records, workspaceId, ref);
        if (row === undefined) throw imageNotFound(ref);
        if (records.sharedFrom(workspaceId, row.repository)?.id === row.workspace_id)
          refuseShared(records, workspaceId, row.repository);
        const { repository, tag } = parseName(workspaceId, name);
        const provenance = {
          ...(row.base !== null && { base: row.base }),
          ...(row.substituted_for !== null && { substitutedFor: row.substituted_for }),
          ...(row.substitution_reason !== null && { substitutionReason: row.substitution_reason }),
        };
        const isPublic = repositories.isPublic({ workspaceId, repository }) ?? false;
        const registration = { workspaceId, repository, tag, isPublic, ...provenance };
        const id = records.register(registration, row.manifest_digest);
        definitions.copy(row.id, id);
        return id;
      }),
  };
}

/** `repository[:tag]` of the caller's own workspace. */
export function parseName(workspaceId: string, name: string): { repository: string; tag: string } {
  const [, repository = '', tag = 'latest'] = /^([^:]*)(?::(.*))?$/.exec(name) ?? [];
  verifyNewName(workspaceId, repository, tag);
  return { repository, tag };
}

/** A share lets a workspace use an image: it neither removes it nor makes it its own. */
function refuseShared(records: ImageRecords, workspaceId: string, repository: string): void {
  if (records.sharedFrom(workspaceId, repository) === undefined) return;
  throw new ApiError(
    'forbidden',
    `${repository} belongs to another workspace, which shares it with this one`,
    {
      hint: 'An admin ends the share with `atoll image unshare`.',
    },
  );
}
