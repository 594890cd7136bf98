import { ApiError } from '@atoll/protocol';
import type { BlaxelImage } from '@atoll/protocol';
import type { ImageDescription, ImageStore } from '../../image/image-store.ts';
import type { RequestContext } from '../request-context.ts';
import type { FindImageStatus, ImageStatus } from './image-status.ts';

/** One tag of an image. */
export interface Tag {
  name: string;
  image: ImageDescription;
}

export interface ImageViewOptions {
  images: Pick<ImageStore, 'lists'>;
  statusOf: FindImageStatus;
}

/** The image of a name as clients of this dialect read it. */
export type ShowImage = (name: string, context: RequestContext) => BlaxelImage;

export type ImageView = ReturnType<typeof createImageView>;

/** The images of a workspace, and those that are shared with it, as repositories with their tags. */
export function createImageView({ images, statusOf }: ImageViewOptions) {
  const tagsOf = (name: string, { caller }: RequestContext): Tag[] =>
    images.lists.repository(caller.workspace.id, name).map(tagOf);
  const find = (name: string, context: RequestContext): Tag[] => {
    const tags = tagsOf(name, context);
    if (tags.length > 0) return tags;
    throw new ApiError('image_not_found', `no image ${JSON.stringify(name.slice(0, 80))}`);
  };
  return {
    tagsOf,
    find,
    /** Also while the first build of a name goes on, and after it has failed: then there is no image yet. */
    show: (name: string, context: RequestContext) => {
      const status = statusOf(context.caller.workspace.id, name);
      const isBuilt = status === undefined || status.status === 'BUILT';
      return toImage(name, isBuilt ? find(name, context) : tagsOf(name, context), context, status);
    },
  };
}

/** `latest` goes without saying in the names of images. */
const tagOf = (image: ImageDescription): Tag => ({ name: image.name.split(':')[1] ?? 'latest', image });

const isoTime = (at: number): string => new Date(at).toISOString();

export function toImage(
  name: string,
  tags: readonly Tag[],
  { caller }: RequestContext,
  built?: ImageStatus,
): BlaxelImage {
  const times = tags.map(({ image }) => image.createdAt);
  if (times.length === 0 && built) times.push(built.since);
  const sourceWorkspace = tags[0]?.image.sharedFrom;
  return {
    metadata: {
      name,
      displayName: name,
      resourceType: 'sandbox',
      workspace: caller.workspace.name,
      status: built?.status ?? 'BUILT',
      createdAt: isoTime(Math.min(...times)),
      updatedAt: isoTime(Math.max(...times)),
      ...(sourceWorkspace !== undefined && { sourceWorkspace }),
    },
    spec: {
      size: tags.reduce((size, { image }) => size + image.sizeBytes, 0),
      tags: tags.map(({ name: tag, image }) => ({
        name: tag,
        size: image.sizeBytes,
        createdAt: isoTime(image.createdAt),
        updatedAt: isoTime(image.createdAt),
      })),
    },
  };
}
