/**
 * Building images from a Dockerfile. A build is begun in two steps: `createBuild` takes the options and answers with an
 * id, then `uploadBuildContext` streams the context, which starts it. A build without a context starts at once.
 */
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { buildEventTypes, buildFailure, buildResult } from './build-event.ts';
import { dockerConfigJson } from './image.ts';

export const buildStatuses = [
  /** Its context has not arrived. */
  'waiting',
  /** Others are built first. */
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled',
] as const;
export const buildStatus = z.enum(buildStatuses);
export type BuildStatus = z.output<typeof buildStatus>;

const names = z.string().min(1).max(128);

/** What to build, from what, with what, and how to call the result. */
export const buildOptions = z.object({
  /** `repository[:tag]` to register the image as. Without it the image can be used by its id alone. */
  name: z.string().max(255).optional(),
  /** The text of the Dockerfile; it wins over a file of the context. */
  dockerfile: z.string().max(512_000).optional(),
  /** Where the Dockerfile is in the context, and what errors call it. */
  dockerfilePath: z.string().max(4096).optional(),
  /** False for a Dockerfile that takes no files of its own: the build starts at once. */
  context: z.boolean().default(true),
  /** Name or number of the stage to build; the last one by default. */
  target: z.string().max(255).optional(),
  /** `SOURCE_DATE_EPOCH` among them makes two builds of the same thing give one digest. */
  buildArgs: z.record(names, z.string()).default({}),
  /** Labels of the image beside those of the Dockerfile. */
  labels: z.record(names, z.string()).default({}),
  /** By the id that `RUN --mount=type=secret` names; in base64. Kept in memory until the build ends, nowhere else. */
  secrets: z.record(names, z.base64()).default({}),
  /**
   * SSH agents that the client lends, by the ids that `RUN --mount=type=ssh` names; ADD takes `default` for repositories
   * over SSH. The client answers for them while the build runs (`lendSshAgents`).
   */
  ssh: z.array(names).max(16).default([]),
  /** The hosts that ADD may reach over SSH, as a `known_hosts` file has them. */
  sshKnownHosts: z.string().max(256_000).optional(),
  /** For registries that ask for a login. Kept in memory until the build ends, nowhere else. */
  dockerConfigJson: dockerConfigJson.optional(),
  /** Runs every step anew. */
  noCache: z.boolean().default(false),
  /** This machine's, or the build is refused. */
  platform: z.string().max(64).optional(),
  /** What each step may use. */
  cpus: z.number().positive().optional(),
  memoryMb: z.number().int().positive().optional(),
  /** The disk that sandboxes of this image are expected to have; shown by `describe`. */
  diskMb: z.number().int().positive().optional(),
  /** The disk of the build itself, where the layers of all its steps come to lie. */
  builderDiskMb: z.number().int().positive().optional(),
  /** Absent: as the name is already, private where it is new. */
  isPublic: z.boolean().optional(),
  /** Refuses when the name is taken, instead of moving it. */
  noReplace: z.boolean().default(false),
  /** How long the build may run. */
  timeoutSeconds: z.number().int().positive().max(86_400).optional(),
});
export type BuildOptions = z.input<typeof buildOptions>;

export const build = z.object({
  id: z.string(),
  status: buildStatus,
  /** The name that was asked for. */
  name: z.string().optional(),
  target: z.string().optional(),
  cpus: z.number(),
  memoryMb: z.number(),
  builderDiskMb: z.number(),
  createdAt: z.number(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  /** Once it has succeeded. */
  result: buildResult.optional(),
  /** Once it has failed. */
  failure: buildFailure.optional(),
  /** The Dockerfile as it was built, once it is known. */
  dockerfile: z.string().optional(),
});
export type Build = z.output<typeof build>;

const tag = 'Builds';
const params = z.object({ id: z.string() });

export const createBuild = defineRoute({
  id: 'createBuild',
  method: 'POST',
  paths: ['/v1/builds'],
  summary: 'Begin a build: it waits for its context, or starts at once when it has none',
  tag,
  access: 'member',
  body: buildOptions,
  response: build,
  status: 201,
  errors: ['invalid_request', 'invalid_dockerfile', 'limit_exceeded', 'conflict', 'too_busy'],
});

export const uploadBuildContext = defineRoute({
  id: 'uploadBuildContext',
  method: 'PUT',
  paths: ['/v1/builds/{id}/context'],
  summary: 'Send the context as a tar archive, plain or compressed by gzip or zstd; the build starts',
  tag,
  access: 'member',
  params,
  bodyKind: 'stream',
  response: build,
  status: 202,
  errors: ['not_found', 'conflict', 'invalid_request', 'limit_exceeded', 'host_out_of_disk'],
});

export const listBuilds = defineRoute({
  id: 'listBuilds',
  method: 'GET',
  paths: ['/v1/builds'],
  summary: "The workspace's builds, the newest first",
  tag,
  access: 'viewer',
  query: z.object({
    status: buildStatus.optional(),
    limit: z.coerce.number().int().min(1).max(1000).optional(),
    cursor: z.string().optional(),
  }),
  response: z.object({ builds: z.array(build), nextCursor: z.string().optional() }),
  status: 200,
  errors: ['invalid_request'],
});

export const getBuild = defineRoute({
  id: 'getBuild',
  method: 'GET',
  paths: ['/v1/builds/{id}'],
  summary: 'One build',
  tag,
  access: 'viewer',
  params,
  response: build,
  status: 200,
  errors: ['not_found'],
});

export const streamBuildEvents = defineRoute({
  id: 'streamBuildEvents',
  method: 'GET',
  paths: ['/v1/builds/{id}/events'],
  summary: `The log as server-sent events (${buildEventTypes.join(', ')}), from the start or after an id; ends with the result`,
  tag,
  access: 'viewer',
  params,
  query: z.object({
    /** The id of the last event that was seen. The header `Last-Event-ID` says the same. */
    after: z.coerce.number().int().nonnegative().optional(),
    /** False ends with what there is, also while the build goes on. */
    follow: z.stringbool().optional(),
  }),
  responseKind: 'stream',
  status: 200,
  errors: ['not_found', 'invalid_request'],
});

export const cancelBuild = defineRoute({
  id: 'cancelBuild',
  method: 'POST',
  paths: ['/v1/builds/{id}/cancel'],
  summary: 'End a build; one that has ended stays as it is',
  tag,
  access: 'member',
  params,
  response: build,
  status: 200,
  errors: ['not_found'],
});

export const debugBuild = defineRoute({
  id: 'debugBuild',
  method: 'POST',
  paths: ['/v1/builds/{id}/debug'],
  summary: 'Start a sandbox in the state before the step that failed',
  tag,
  access: 'member',
  params,
  response: z.object({
    sandboxId: z.string(),
    /** The step that failed, to be tried again by hand. */
    command: z.array(z.string()),
    user: z.string(),
    workingDir: z.string(),
    env: z.record(z.string(), z.string()),
  }),
  status: 201,
  errors: ['not_found', 'conflict', 'image_not_found', 'too_busy'],
});
