/** Images as the server's own API shows them. Building, pushing and pulling are not here. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

export const image = z.object({
  id: z.string(),
  /** `repository` of the workspace, or `workspace/repository` of a public one; `:tag` unless it is `latest`. */
  name: z.string(),
  digest: z.string(),
  /** Config and layers as they are stored: compressed. */
  sizeBytes: z.number(),
  layerCount: z.number(),
  public: z.boolean(),
  /** What the image was made from, e.g. `Debian 13 (trixie)`. */
  base: z.string().optional(),
  /** Why the base is another one than the name promises. */
  substitution: z.object({ substitutedFor: z.string(), reason: z.string() }).optional(),
  createdAt: z.number(),
});
export type ImageInfo = z.output<typeof image>;

export const imageDetail = image.extend({
  /** Who runs processes that name no user, and where. */
  user: z.string(),
  workingDir: z.string(),
  env: z.record(z.string(), z.string()),
  entrypoint: z.array(z.string()),
  cmd: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
});
export type ImageDetail = z.output<typeof imageDetail>;

const tag = 'Images';

export const listImages = defineRoute({
  id: 'listImages',
  method: 'GET',
  paths: ['/v1/images'],
  summary: "The workspace's images and the public ones",
  tag,
  access: 'viewer',
  response: z.object({ images: z.array(image) }),
  status: 200,
  errors: [],
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
