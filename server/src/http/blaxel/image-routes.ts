import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { BlaxelImage } from '@atoll/protocol';
import type { ImageDescription, ImageStore } from '../../image/image-store.ts';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import { isEnded } from '../../sandbox/lifecycle.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { bindBlaxel } from './blaxel-version.ts';

export interface BlaxelImageRoutesOptions {
  images: Pick<ImageStore, 'listOwn' | 'remove'>;
  sandboxes: Pick<Sandboxes, 'list'>;
}

/** One tag of an image. */
interface Tag {
  name: string;
  image: ImageDescription;
}

/** Images of the Blaxel dialect (wire 1.6): repositories with their tags. */
export function blaxelImageRoutes({ images, sandboxes }: BlaxelImageRoutesOptions): Binding[] {
  const repositories = ({ caller }: RequestContext): Map<string, Tag[]> =>
    Map.groupBy(images.listOwn(caller.workspace.id).map(tagOf), ({ image }) => repositoryOf(image));

  const find = (name: string, context: RequestContext): Tag[] => {
    const tags = repositories(context).get(name);
    if (tags === undefined)
      throw new ApiError('image_not_found', `no image ${JSON.stringify(name.slice(0, 80))}`);
    return tags;
  };

  /** What sandboxes run on stays; throws `image_in_use` before anything is removed. */
  const requireUnused = (tags: readonly Tag[], { caller }: RequestContext): void => {
    const digests = new Set(tags.map(({ image }) => image.digest));
    const user = sandboxes
      .list(caller.workspace.id)
      .find(({ state, manifestDigest }) => !isEnded(state) && digests.has(manifestDigest));
    if (user === undefined) return;
    throw new ApiError('image_in_use', `sandbox ${user.name ?? user.id} runs on this image`);
  };

  /** Answers the image as it was. */
  const remove = (name: string, tagName: string | undefined, context: RequestContext): BlaxelImage => {
    const all = find(name, context);
    const tags = tagName === undefined ? all : all.filter((tag) => tag.name === tagName);
    if (tags.length === 0) throw new ApiError('image_not_found', `image ${name} has no tag ${tagName}`);
    requireUnused(tags, context);
    for (const tag of tags) images.remove(context.caller.workspace.id, `${name}:${tag.name}`);
    context.target(name);
    return toImage(name, all, context);
  };

  return [
    bindBlaxel(routes.listBlaxelImages, (_input, context) =>
      [...repositories(context)].map(([name, tags]) => toImage(name, tags, context)),
    ),
    bindBlaxel(routes.getBlaxelImage, ({ params }, context) =>
      toImage(params.name, find(params.name, context), context),
    ),
    bindBlaxel(routes.deleteBlaxelImage, ({ params }, context) => {
      const [name = '', tag] = params.name.split(':', 2);
      return remove(name, tag, context);
    }),
    bindBlaxel(routes.deleteBlaxelImageTag, ({ params }, context) =>
      remove(params.name, params.tag, context),
    ),
    bindBlaxel(routes.listBlaxelHub, () => []),
  ];
}

/** `latest` goes without saying in the names of images. */
const tagOf = (image: ImageDescription): Tag => ({ name: image.name.split(':')[1] ?? 'latest', image });
const repositoryOf = ({ name }: ImageDescription): string => name.split(':')[0] ?? name;

const isoTime = (at: number): string => new Date(at).toISOString();

function toImage(name: string, tags: readonly Tag[], { caller }: RequestContext): BlaxelImage {
  const times = tags.map(({ image }) => image.createdAt);
  const workspace = caller.workspace.name;
  return {
    metadata: {
      name,
      displayName: name,
      resourceType: 'sandbox',
      workspace,
      status: 'BUILT',
      createdAt: isoTime(Math.min(...times)),
      updatedAt: isoTime(Math.max(...times)),
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
