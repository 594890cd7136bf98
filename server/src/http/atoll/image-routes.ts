import * as routes from '@atoll/protocol';
import type { ImageInfo } from '@atoll/protocol';
import type { ImageDescription, ImageStore } from '../../image/image-store.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';

/** The images of a workspace and the public ones. */
export function imageRoutes({ images }: { images: ImageStore }): Binding[] {
  return [
    bind(routes.listImages, (_input, { caller }) => ({
      images: images.list(caller.workspace.id).map(toInfo),
    })),
    bind(routes.describeImage, ({ params }, { caller }) => {
      const { env, runtimeUser, runtimeWorkdir, config } = images.resolve(caller.workspace.id, params.name);
      const { entrypoint, cmd, labels } = config;
      const info = toInfo(images.describe(caller.workspace.id, params.name));
      return { ...info, env, entrypoint, cmd, labels, user: runtimeUser, workingDir: runtimeWorkdir };
    }),
  ];
}

function toInfo({ isPublic, substitutedFor, substitutionReason, ...image }: ImageDescription): ImageInfo {
  return {
    ...image,
    public: isPublic,
    ...(substitutedFor !== undefined && {
      substitution: { substitutedFor, reason: substitutionReason ?? 'the original was not available' },
    }),
  };
}
