/** Images as the server's own API shows them. Pushing and pulling is the OCI distribution API, at `/v2/`. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

export const image = z.object({
  id: z.string(),
  /** `repository` of the workspace, or `workspace/repository` of a public one; `:tag` unless it is `latest`. */
  name: z.string(),
  digest: z.string(),
  /** Config and layers as they are stored: compressed. */
  sizeBytes: z.number(),
  /** What removing this image alone would free of that. */
  uniqueBytes: z.number().optional(),
  /** What its unpacked layers take up beside that; 0 before the first use. */
  unpackedBytes: z.number().optional(),
  layerCount: z.number(),
  public: z.boolean(),
  /** Whether it belongs to this workspace; false for base images, public ones of others and what is shared with it. */
  own: z.boolean().optional(),
  /** The workspace that it belongs to, where that shares it with this one. */
  sharedFrom: z.string().optional(),
  /** What the image was made from, e.g. `Debian 13 (trixie)`. */
  base: z.string().optional(),
  /** Why the base is another one than the name promises. */
  substitution: z.object({ substitutedFor: z.string(), reason: z.string() }).optional(),
  createdAt: z.number(),
});
export type ImageInfo = z.output<typeof image>;

export const imageLayer = z.object({
  digest: z.string(),
  /** As it is stored: compressed. */
  sizeBytes: z.number(),
  /** The step that made it, where the image says. */
  createdBy: z.string().optional(),
});
export type ImageLayer = z.output<typeof imageLayer>;

export const imageDetail = image.extend({
  /** From the lowest up. */
  layers: z.array(imageLayer).optional(),
  /** Who runs processes that name no user, and where. */
  user: z.string(),
  workingDir: z.string(),
  env: z.record(z.string(), z.string()),
  entrypoint: z.array(z.string()),
  cmd: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
  /** How it was made, unless it was pushed or imported. */
  dockerfile: z.string().optional(),
  /** What its last stage begins with, as the client named it. */
  baseImage: z.string().optional(),
  /** The snapshot that it was registered from. */
  snapshotId: z.string().optional(),
  buildId: z.string().optional(),
  /** The disk of sandboxes that ask for none. */
  diskMb: z.number().optional(),
  /** Key of who made it. */
  createdBy: z.string().optional(),
});
export type ImageDetail = z.output<typeof imageDetail>;

const tag = 'Images';

export const listImages = defineRoute({
  id: 'listImages',
  method: 'GET',
  paths: ['/v1/images'],
  summary: "The workspace's images and the public ones, a page at a time: its own first, by name",
  tag,
  access: 'viewer',
  query: z.object({
    limit: z.coerce.number().int().min(1).max(1000).optional(),
    cursor: z.string().optional(),
  }),
  response: z.object({ images: z.array(image), nextCursor: z.string().optional() }),
  status: 200,
  errors: ['invalid_request'],
});

export const describeImage = defineRoute({
  id: 'describeImage',
  method: 'GET',
  paths: ['/v1/images/{name}'],
  summary: 'One image: its base, layers and configuration',
  tag,
  access: 'viewer',
  params: z.object({ name: z.string() }),
  response: imageDetail,
  status: 200,
  errors: ['image_not_found'],
});

export const removeImage = defineRoute({
  id: 'removeImage',
  method: 'DELETE',
  paths: ['/v1/images/{name}'],
  summary: 'Take away a name, or by id an image with all its names',
  tag,
  access: 'member',
  params: z.object({ name: z.string() }),
  status: 204,
  errors: ['image_not_found', 'forbidden'],
});

export const tagImage = defineRoute({
  id: 'tagImage',
  method: 'POST',
  paths: ['/v1/images/{name}/tags'],
  summary: 'Give an image one more name',
  tag,
  access: 'member',
  params: z.object({ name: z.string() }),
  /** `repository[:tag]`. */
  body: z.object({ name: z.string() }),
  response: image,
  status: 201,
  errors: ['image_not_found', 'invalid_request', 'conflict'],
});

export const pruneReport = z.object({
  /** Images whose name has moved on. */
  images: z.array(z.object({ id: z.string(), repository: z.string(), digest: z.string() })),
  blobCount: z.number(),
  blobBytes: z.number(),
  layerCount: z.number(),
  layerBytes: z.number(),
});
export type ImagePruneReport = z.output<typeof pruneReport>;

export const pruneImages = defineRoute({
  id: 'pruneImages',
  method: 'POST',
  paths: ['/v1/images/prune'],
  summary: 'Free the disk of images that have no name any more and of what nothing needs',
  tag,
  access: 'member',
  body: z.object({
    /** Images of the workspace that lost their last name longer ago than this go too. */
    olderThanMs: z.number().nonnegative().max(Number.MAX_SAFE_INTEGER).optional(),
    /** Tells what would go and leaves it. */
    dryRun: z.boolean().optional(),
  }),
  response: pruneReport,
  status: 200,
  errors: [],
});

/** One line of the answer to an import. The last is `done` or `failed`. */
export const importEvent = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('resolved'),
    digest: z.string(),
    sizeBytes: z.number(),
    layerCount: z.number(),
  }),
  z.object({
    status: z.literal('downloading'),
    digest: z.string(),
    receivedBytes: z.number(),
    sizeBytes: z.number(),
  }),
  z.object({ status: z.literal('unpacking') }),
  z.object({ status: z.literal('done'), image }),
  z.object({
    status: z.literal('failed'),
    error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }),
  }),
]);
export type ImageImportEvent = z.output<typeof importEvent>;

/** Entries of a docker configuration, for the registries that need them. They are used for this import alone. */
export const dockerConfigJson = z.object({
  auths: z
    .record(
      z.string(),
      z.object({
        auth: z.string().optional(),
        username: z.string().optional(),
        password: z.string().optional(),
        identitytoken: z.string().optional(),
        registrytoken: z.string().optional(),
      }),
    )
    .default({}),
});
export type DockerConfigJson = z.input<typeof dockerConfigJson>;

export const importImage = defineRoute({
  id: 'importImage',
  method: 'POST',
  paths: ['/v1/images/import'],
  summary: 'Import an image of another registry; answers with lines of JSON as it goes on',
  tag,
  access: 'member',
  body: z.object({
    /** `python:3.13`, `ghcr.io/org/app:1.0`, `localhost:5000/app@sha256:…`. */
    reference: z.string().min(1).max(1024),
    /** `repository[:tag]`; by default the last part of the reference with its tag. */
    name: z.string().optional(),
    public: z.boolean().optional(),
    dockerConfigJson: dockerConfigJson.optional(),
  }),
  responseKind: 'stream',
  status: 200,
  errors: ['invalid_request', 'conflict'],
});
