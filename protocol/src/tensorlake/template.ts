/** Images as the Tensorlake wire has them: templates (1.7), and builds that clients drive (3). */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Templates';

/** With organization and project in the path, or by the key alone: clients of different age use one or the other. */
const scoped = (path: string) =>
  [`/platform/v1/organizations/{organization}/projects/{project}${path}`, `/platform/v1${path}`] as const;

const scopeParams = z.object({ organization: z.string().optional(), project: z.string().optional() });

export const sandboxTemplate = z.object({
  id: z.string(),
  name: z.string(),
  public: z.boolean(),
  createdAt: z.iso.datetime(),
  /** What the image stands for: the snapshot that it was registered from, else the image itself. */
  snapshotId: z.string(),
  snapshotUri: z.string(),
  snapshotFormatVersion: z.string(),
  snapshotSizeBytes: z.number(),
  rootfsDiskBytes: z.number(),
  rootfsNodeKind: z.literal('base'),
  digest: z.string(),
  dockerfile: z.string().optional(),
  baseImage: z.string().optional(),
  /** What the image was made from, e.g. `Debian 13 (trixie)`. */
  base: z.string().optional(),
  buildId: z.string().optional(),
  /** Key of who made it. */
  createdBy: z.string().optional(),
});
export type SandboxTemplate = z.output<typeof sandboxTemplate>;

export const listTemplates = defineRoute({
  id: 'listTemplates',
  method: 'GET',
  paths: scoped('/sandbox-templates'),
  summary: 'The images of a workspace; everything unless a page size is given',
  tag,
  access: 'viewer',
  params: scopeParams,
  query: z.object({
    pageSize: z.coerce.number().int().min(1).max(1000).optional(),
    next: z.string().optional(),
  }),
  response: z.object({
    items: z.array(sandboxTemplate),
    pagination: z.object({ next: z.string().nullable(), prev: z.null(), total: z.number() }),
  }),
  status: 200,
  errors: ['invalid_request'],
});

export const findTemplate = defineRoute({
  id: 'findTemplate',
  method: 'GET',
  paths: scoped('/sandbox-templates/by-name/{name}'),
  summary: 'The image of a name, of the workspace or public',
  tag,
  access: 'viewer',
  params: scopeParams.extend({ name: z.string() }),
  response: sandboxTemplate,
  status: 200,
  errors: ['image_not_found'],
});

export const getTemplate = defineRoute({
  id: 'getTemplate',
  method: 'GET',
  // Some clients leave the slash of `tensorlake/debian-minimal` as it is.
  paths: [
    '/platform/v1/organizations/{organization}/projects/{project}/sandbox-templates/{id}',
    '/platform/v1/organizations/{organization}/projects/{project}/sandbox-templates/{id}/{rest}',
    '/platform/v1/sandbox-templates/{id}',
    '/platform/v1/sandbox-templates/{id}/{rest}',
  ],
  summary: 'An image by name or id',
  tag,
  access: 'viewer',
  params: scopeParams.extend({ id: z.string(), rest: z.string().optional() }),
  response: sandboxTemplate,
  status: 200,
  errors: ['image_not_found'],
});

export const registerTemplate = defineRoute({
  id: 'registerTemplate',
  method: 'POST',
  paths: scoped('/sandbox-templates'),
  summary: 'Name a completed filesystem snapshot as an image',
  tag,
  access: 'member',
  params: scopeParams,
  /** What clients repeat of the snapshot is left aside: the server knows it. */
  body: z.object({
    name: z.string().min(1).max(255),
    snapshotId: z.string(),
    /** Kept for who looks at the image. */
    dockerfile: z.string().max(512_000).nullish(),
    public: z.boolean().nullish(),
    rootfsDiskBytes: z.number().positive().nullish(),
  }),
  response: sandboxTemplate,
  status: 201,
  errors: ['invalid_request', 'snapshot_not_found', 'invalid_state', 'unsupported', 'conflict'],
});

export const deleteTemplate = defineRoute({
  id: 'deleteTemplate',
  method: 'DELETE',
  paths: scoped('/sandbox-templates/{id}'),
  summary: 'Take away an image with all its names, or by name the name',
  tag,
  access: 'member',
  params: scopeParams.extend({ id: z.string() }),
  status: 204,
  errors: ['image_not_found', 'forbidden'],
});

export const deleteSandboxImage = defineRoute({
  id: 'deleteSandboxImage',
  method: 'DELETE',
  paths: ['/v1/namespaces/{ns}/sandbox-images/{name}'],
  summary: 'Take away the name of an image',
  tag,
  access: 'member',
  params: z.object({ ns: z.string(), name: z.string() }),
  status: 204,
  errors: ['image_not_found', 'forbidden'],
});

const name = z.string().min(1).max(255);
const dockerfile = z.string().max(512_000);

export const prepareTemplateBuild = defineRoute({
  id: 'prepareTemplateBuild',
  method: 'POST',
  paths: scoped('/sandbox-template-builds'),
  summary: 'Prepare a build that the client drives from a builder sandbox',
  tag,
  access: 'member',
  params: scopeParams,
  body: z.object({
    name,
    dockerfile,
    baseImage: z.string().nullish(),
    public: z.boolean().nullish(),
  }),
  response: z.object({
    buildId: z.string(),
    snapshotId: z.string(),
    snapshotUri: z.string(),
    rootfsNodeKind: z.literal('base'),
    parent: z.null(),
    builder: z.object({
      image: z.string(),
      command: z.string(),
      cpus: z.number(),
      memoryMb: z.number(),
      diskMb: z.number(),
    }),
    /** What the builder needs beside that; clients pass it on as it is. */
    atoll: z.object({ token: z.string() }),
  }),
  status: 201,
  errors: ['invalid_request', 'conflict'],
});

export const getTemplateBuild = defineRoute({
  id: 'getTemplateBuild',
  method: 'GET',
  paths: scoped('/sandbox-template-builds/{id}'),
  summary: 'How such a build stands',
  tag,
  access: 'viewer',
  params: scopeParams.extend({ id: z.string() }),
  response: z.object({
    buildId: z.string(),
    name: z.string(),
    status: z.enum(['prepared', 'running', 'built', 'completed', 'failed']),
    error: z.string().optional(),
    imageId: z.string().optional(),
    createdAt: z.iso.datetime(),
  }),
  status: 200,
  errors: ['not_found'],
});

export const completeTemplateBuild = defineRoute({
  id: 'completeTemplateBuild',
  method: 'POST',
  paths: scoped('/sandbox-template-builds/{id}/complete'),
  summary: 'Register what such a build has made',
  tag,
  access: 'member',
  params: scopeParams.extend({ id: z.string() }),
  /** What the builder has told the client; the server knows it better. */
  body: z.looseObject({}),
  response: sandboxTemplate,
  status: 200,
  errors: ['not_found', 'conflict'],
});
