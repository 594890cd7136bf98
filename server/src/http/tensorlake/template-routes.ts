import * as routes from '@atoll/protocol';
import type { SandboxTemplate } from '@atoll/protocol';
import { BUILDER_IMAGE } from '../../agent/builder-image.ts';
import { SNAPSHOT_FORMAT } from '../../build/template/template-builds.ts';
import type { TemplateBuilds } from '../../build/template/template-builds.ts';
import type { ImageDefinitions } from '../../image/image-definitions.ts';
import type { ImageDescription, ImageStore } from '../../image/image-store.ts';
import { BUILDER_COMMAND } from '../../runtime/oci-spec.ts';
import type { Snapshots } from '../../snapshot/snapshots.ts';
import type { Caller } from '../../tenancy/caller.ts';
import { withoutUndefined } from '../../lib/without-undefined.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import { formatImageCursor, parseImageCursor } from '../image-cursor.ts';

interface Options {
  images: ImageStore;
  definitions: ImageDefinitions;
  templateBuilds: TemplateBuilds;
  snapshots: Pick<Snapshots, 'register' | 'findReady'>;
  transaction: <T>(work: () => T) => T;
}

/** What a build has unless its client asks for other sizes; the wire's own numbers. */
const builderSize = { cpus: 2, memoryMb: 4096, diskMb: 20_480 };
const DEFAULT_DISK_MB = 10_240;
const MB = 1024 * 1024;

/** Images and builds in the words of the Tensorlake wire (1.7, 3). */
export function templateRoutes(options: Options): Binding[] {
  const { images, definitions, templateBuilds } = options;
  const show = (image: ImageDescription): SandboxTemplate => toTemplate(image, definitions.find(image.id));
  return [
    bind(routes.listTemplates, ({ query }, { caller }) => {
      const page = { withoutPublic: true, ...withoutUndefined({ limit: query.pageSize }) };
      const after = query.next === undefined ? {} : { after: parseImageCursor(query.next) };
      const { images: found, next } = images.lists.page(caller.workspace.id, { ...page, ...after });
      const total = images.lists.count(caller.workspace.id);
      return {
        items: found.map(show),
        pagination: { next: next ? formatImageCursor(next) : null, prev: null, total },
      };
    }),
    bind(routes.findTemplate, ({ params }, { caller }) =>
      show(images.describe(caller.workspace.id, params.name)),
    ),
    bind(routes.getTemplate, ({ params }, { caller }) => {
      const ref = params.rest === undefined ? params.id : `${params.id}/${params.rest}`;
      return show(images.describe(caller.workspace.id, ref));
    }),
    bind(routes.registerTemplate, ({ body }, context) => {
      context.target(body.name);
      return show(register(options, context.caller, body));
    }),
    bind(routes.deleteTemplate, ({ params }, { caller }) => images.remove(caller.workspace.id, params.id)),
    bind(routes.deleteSandboxImage, ({ params }, { caller }) =>
      images.remove(caller.workspace.id, params.name),
    ),
    bind(routes.prepareTemplateBuild, ({ body }, context) => {
      const { workspace, keyId } = context.caller;
      const { build, token } = templateBuilds.prepare(workspace.id, keyId, {
        name: body.name,
        dockerfile: body.dockerfile,
        ...(body.public != null && { isPublic: body.public }),
        ...(body.baseImage != null && { baseImage: body.baseImage }),
      });
      context.target(build.id);
      return {
        buildId: build.id,
        // The builder tells the final ones.
        snapshotId: build.id,
        snapshotUri: `build://${build.id}`,
        rootfsNodeKind: 'base' as const,
        parent: null,
        builder: { image: BUILDER_IMAGE, command: BUILDER_COMMAND, ...builderSize },
        atoll: { token },
      };
    }),
    bind(routes.getTemplateBuild, ({ params }, { caller }) => {
      const { id, request, status, error, imageId, createdAt } = templateBuilds.get(
        caller.workspace.id,
        params.id,
      );
      return {
        buildId: id,
        name: request.name,
        status,
        createdAt: new Date(createdAt).toISOString(),
        ...(error !== undefined && { error }),
        ...(imageId !== undefined && { imageId }),
      };
    }),
    bind(routes.completeTemplateBuild, ({ params }, { caller }) =>
      show(templateBuilds.complete(caller.workspace.id, params.id)),
    ),
  ];
}

type Registration = routes.RouteInput<typeof routes.registerTemplate>['body'];

function register(
  { images, definitions, snapshots, transaction }: Options,
  { workspace, keyId }: Caller,
  { name, snapshotId, dockerfile, public: isPublic, rootfsDiskBytes }: Registration,
): ImageDescription {
  const at = images.verifyRegistration(workspace.id, name, isPublic ?? undefined);
  const { baseImage } = snapshots.findReady(workspace.id, snapshotId);
  return transaction(() => {
    const image = snapshots.register(workspace.id, snapshotId, { ...at, isPublic: isPublic ?? undefined });
    definitions.put(image.id, {
      snapshotId,
      baseImage,
      createdBy: keyId,
      ...(dockerfile != null && { dockerfile }),
      ...(rootfsDiskBytes != null && { diskMb: Math.ceil(rootfsDiskBytes / MB) }),
    });
    return image;
  });
}

function toTemplate(
  image: ImageDescription,
  { snapshotId, diskMb, ...made }: ReturnType<ImageDefinitions['find']>,
): SandboxTemplate {
  return {
    id: image.id,
    name: image.name,
    public: image.isPublic,
    createdAt: new Date(image.createdAt).toISOString(),
    snapshotId: snapshotId ?? image.id,
    snapshotUri: `oci://${image.digest}`,
    snapshotFormatVersion: SNAPSHOT_FORMAT,
    snapshotSizeBytes: image.sizeBytes,
    rootfsDiskBytes: (diskMb ?? DEFAULT_DISK_MB) * MB,
    rootfsNodeKind: 'base',
    digest: image.digest,
    ...(image.base !== undefined && { base: image.base }),
    ...made,
  };
}
