import * as routes from '@atoll/protocol';
import type { ImageInfo } from '@atoll/protocol';
import type { ImageDefinitions } from '../../image/image-definitions.ts';
import type { ImageDescription, ImageStore } from '../../image/image-store.ts';
import type { Log } from '../../lib/log.ts';
import { withoutUndefined } from '../../lib/without-undefined.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import { formatImageCursor, parseImageCursor } from '../image-cursor.ts';
import { importLines } from './import-lines.ts';

interface Options {
  images: ImageStore;
  definitions: ImageDefinitions;
  /** Removes what the builds of a workspace keep for each other and have not used since. */
  pruneBuildCaches: (usedBefore: number, workspaceId: string) => Promise<void>;
  log: Log;
}

const MAX_PAGE = 1000;

/** The images of a workspace and the public ones. */
export function imageRoutes({ images, definitions, pruneBuildCaches, log }: Options): Binding[] {
  return [
    bind(routes.listImages, ({ query: { cursor, limit = MAX_PAGE } }, { caller }) => {
      const after = cursor === undefined ? undefined : parseImageCursor(cursor);
      const found = images.lists.page(caller.workspace.id, { limit, ...(after && { after }) });
      return {
        images: found.images.map(toImageInfo),
        ...(found.next && { nextCursor: formatImageCursor(found.next) }),
      };
    }),
    bind(routes.describeImage, ({ params }, { caller }) => {
      const { env, runtimeUser, runtimeWorkdir, config } = images.resolve(caller.workspace.id, params.name);
      const { entrypoint, cmd, labels } = config;
      const info = toImageInfo(images.describe(caller.workspace.id, params.name));
      const runs = { env, entrypoint, cmd, labels, user: runtimeUser, workingDir: runtimeWorkdir };
      const layers = images.layers(info.digest);
      return { ...info, ...runs, layers, ...definitions.find(info.id) };
    }),
    bind(routes.removeImage, ({ params }, { caller }) => images.remove(caller.workspace.id, params.name)),
    bind(routes.tagImage, ({ params, body }, { caller }) =>
      toImageInfo(images.tag(caller.workspace.id, params.name, body.name)),
    ),
    bind(routes.pruneImages, async ({ body }, { caller }) => {
      const scope = { workspaceId: caller.workspace.id, ...withoutUndefined(body) };
      const { images: removed, ...freed } = await images.prune(scope);
      if (body.olderThanMs !== undefined && body.dryRun !== true) {
        await pruneBuildCaches(Date.now() - body.olderThanMs, caller.workspace.id);
      }
      const own = removed.filter(({ workspaceId }) => workspaceId === caller.workspace.id);
      return {
        ...freed,
        images: own.map(({ id, repository, manifestDigest }) => ({ id, repository, digest: manifestDigest })),
      };
    }),
    bind(routes.importImage, ({ body }, context) => {
      const workspaceId = context.caller.workspace.id;
      const { dockerConfigJson: dockerConfig, public: isPublic, ...wanted } = body;
      const request = withoutUndefined({ ...wanted, workspaceId, dockerConfig, isPublic });
      const start = images.remote.prepare(request);
      context.target(body.reference);
      context.contentType('application/x-ndjson');
      return importLines(start, (id) => toImageInfo(images.describe(workspaceId, id)), context.signal, log);
    }),
  ];
}

/** An image in the words of the server's own API. */
export function toImageInfo({
  isPublic,
  substitutedFor,
  substitutionReason,
  ...image
}: ImageDescription): ImageInfo {
  return {
    ...image,
    public: isPublic,
    ...(substitutedFor !== undefined && {
      substitution: { substitutedFor, reason: substitutionReason ?? 'the original was not available' },
    }),
  };
}
