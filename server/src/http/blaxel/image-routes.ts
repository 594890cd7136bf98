import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { BlaxelImage } from '@atoll/protocol';
import type { ImageStore } from '../../image/image-store.ts';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import type { ImageShares } from '../../sharing/image-shares.ts';
import { withoutUndefined } from '../../lib/without-undefined.ts';
import { isEnded } from '../../sandbox/lifecycle.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { bindBlaxel, hasImagePages } from './blaxel-version.ts';
import { hubImages } from './hub.ts';
import { toImage } from './image-view.ts';
import type { ImageView, Tag } from './image-view.ts';

const DEFAULT_LIMIT = 50;

export interface BlaxelImageRoutesOptions {
  images: Pick<ImageStore, 'remove' | 'lists'>;
  view: ImageView;
  shares: Pick<ImageShares, 'targets'>;
  sandboxes: Pick<Sandboxes, 'list' | 'pools'>;
}

/** Images of the Blaxel dialect (wire 1.6): repositories with their tags. */
export function blaxelImageRoutes({ images, view, shares, sandboxes }: BlaxelImageRoutesOptions): Binding[] {
  const { tagsOf, find, show } = view;
  const findUser = (tags: readonly Tag[], { caller }: RequestContext) => {
    const digests = new Set(tags.map(({ image }) => image.digest));
    return sandboxes
      .list(caller.workspace.id)
      .find(({ state, manifestDigest }) => !isEnded(state) && digests.has(manifestDigest));
  };
  /** What sandboxes run on stays; throws `image_in_use` before anything is removed. */
  const requireUnused = (tags: readonly Tag[], context: RequestContext): void => {
    const user = findUser(tags, context);
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

  /** What no sandbox and no pool of the workspace starts from, nobody else uses, and the workspace itself owns. */
  const isUnused = (name: string, tags: readonly Tag[], context: RequestContext): boolean => {
    const { caller } = context;
    const names = new Set(tags.map(({ image }) => image.name));
    const isOfPool = sandboxes.pools
      .list(caller.workspace.id)
      .some(({ template }) => template.image !== undefined && names.has(template.image));
    const isOthers = tags.some(({ image }) => image.isPublic || image.sharedFrom !== undefined);
    if (isOfPool || isOthers || findUser(tags, context) !== undefined) return false;
    return shares.targets(caller, name).length === 0;
  };
  const removeUnused = (context: RequestContext): { deleted: number; message: string } => {
    const names = images.lists
      .repositories(context.caller.workspace.id)
      .filter((name) => isUnused(name, tagsOf(name, context), context));
    for (const name of names) remove(name, undefined, context);
    context.target(names.join(', '));
    const message = names.length === 0 ? 'No image is unused' : `Deleted ${names.join(', ')}`;
    return { deleted: names.length, message };
  };

  return [
    bindBlaxel(routes.deleteUnusedBlaxelImages, (_input, context) => removeUnused(context)),
    bindBlaxel(routes.listBlaxelImages, ({ query }, context) => {
      const { id } = context.caller.workspace;
      const toImages = (names: readonly string[]) =>
        names.flatMap((name) => {
          const tags = tagsOf(name, context);
          return tags.length > 0 ? [toImage(name, tags, context)] : [];
        });
      if (!hasImagePages(context)) return toImages(images.lists.repositories(id));
      const { cursor: after = '', limit = DEFAULT_LIMIT } = query;
      const found = images.lists.repositories(id, { after, limit: limit + 1 });
      const shown = found.slice(0, limit);
      const nextCursor = found.length > shown.length ? shown.at(-1) : undefined;
      const total = images.lists.repositoryCount(id);
      const meta = { hasMore: nextCursor !== undefined, total, ...withoutUndefined({ nextCursor }) };
      return { data: toImages(shown), meta };
    }),
    bindBlaxel(routes.getBlaxelImage, ({ params }, context) => show(params.name, context)),
    bindBlaxel(routes.deleteBlaxelImage, ({ params }, context) => {
      const [name = '', tag] = params.name.split(':', 2);
      return remove(name, tag, context);
    }),
    bindBlaxel(routes.deleteBlaxelImageTag, ({ params }, context) =>
      remove(params.name, params.tag, context),
    ),
    bindBlaxel(routes.listBlaxelHub, () => [...hubImages]),
  ];
}
