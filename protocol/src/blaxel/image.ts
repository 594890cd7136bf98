/** Images of the Blaxel dialect (wire 1.6). */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Blaxel images';

export const blaxelImage = z.object({
  metadata: z.object({
    name: z.string(),
    displayName: z.string(),
    resourceType: z.string(),
    workspace: z.string(),
    status: z.enum(['UPLOADING', 'BUILDING', 'BUILT', 'FAILED']),
    createdAt: z.string(),
    updatedAt: z.string(),
    /** The workspace that it belongs to, where that shares it with this one. */
    sourceWorkspace: z.string().optional(),
  }),
  spec: z.object({
    /** Bytes of config and layers of all tags, each once for each tag. */
    size: z.number(),
    tags: z.array(
      z.object({ name: z.string(), size: z.number(), createdAt: z.string(), updatedAt: z.string() }),
    ),
  }),
});
export type BlaxelImage = z.output<typeof blaxelImage>;

/** Images are of sandboxes here; `_` means any type. */
const resourceType = z.enum(['sandbox', 'sandboxes', '_']);
export const blaxelImageParams = z.object({ resourceType, name: z.string() });

export const listBlaxelImages = defineRoute({
  id: 'listBlaxelImages',
  method: 'GET',
  paths: ['/v0/images'],
  summary: 'The images of the workspace: an array, or from version 2026-09-22 on a page',
  tag,
  access: 'viewer',
  query: z.looseObject({
    cursor: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(200).optional(),
  }),
  response: z.union([
    z.array(blaxelImage),
    z.object({
      data: z.array(blaxelImage),
      meta: z.object({ hasMore: z.boolean(), nextCursor: z.string().optional(), total: z.number() }),
    }),
  ]),
  status: 200,
  errors: [],
});

export const deleteUnusedBlaxelImages = defineRoute({
  id: 'deleteUnusedBlaxelImages',
  method: 'DELETE',
  paths: ['/v0/images'],
  summary: 'Remove the images that no sandbox or pool starts from and nobody shares',
  tag,
  access: 'admin',
  response: z.object({ deleted: z.number(), message: z.string() }),
  status: 200,
  errors: [],
});

export const getBlaxelImage = defineRoute({
  id: 'getBlaxelImage',
  method: 'GET',
  paths: ['/v0/images/{resourceType}/{name}'],
  summary: 'An image with its tags',
  tag,
  access: 'viewer',
  params: blaxelImageParams,
  response: blaxelImage,
  status: 200,
  errors: ['invalid_request', 'image_not_found'],
});

export const deleteBlaxelImage = defineRoute({
  id: 'deleteBlaxelImage',
  method: 'DELETE',
  paths: ['/v0/images/{resourceType}/{name}'],
  summary: 'Remove an image with all its tags, or as `name:tag` one tag, unless a sandbox uses it',
  tag,
  access: 'member',
  params: blaxelImageParams,
  response: blaxelImage,
  status: 200,
  errors: ['invalid_request', 'image_not_found', 'image_in_use'],
});

export const deleteBlaxelImageTag = defineRoute({
  id: 'deleteBlaxelImageTag',
  method: 'DELETE',
  paths: ['/v0/images/{resourceType}/{name}/tags/{tag}'],
  summary: 'Remove one tag of an image, unless a sandbox uses it',
  tag,
  access: 'member',
  params: blaxelImageParams.extend({ tag: z.string() }),
  response: blaxelImage,
  status: 200,
  errors: ['invalid_request', 'image_not_found', 'image_in_use'],
});

export const blaxelHubImage = z.object({
  name: z.string(),
  displayName: z.string(),
  description: z.string(),
  longDescription: z.string(),
  image: z.string(),
  memory: z.number(),
  ports: z.array(z.object({ name: z.string(), target: z.number(), protocol: z.string() })),
  categories: z.array(z.string()),
  hidden: z.boolean(),
  coming_soon: z.boolean(),
  enterprise: z.boolean(),
});
export type BlaxelHubImage = z.output<typeof blaxelHubImage>;

export const listBlaxelHub = defineRoute({
  id: 'listBlaxelHub',
  method: 'GET',
  paths: ['/v0/sandbox/hub'],
  summary: 'The ready-made images of the hosted service: what they are here, or why they are not',
  tag,
  access: 'viewer',
  response: z.array(blaxelHubImage),
  status: 200,
  errors: [],
});
