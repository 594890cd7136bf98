import { createHmac, timingSafeEqual } from 'node:crypto';
import { ApiError } from '@atoll/protocol';
import type { BuildEvent } from '@atoll/protocol';
import type { BuilderAnswer, BuildSession } from '../../agent/build-session.ts';
import type { ImageDefinitions } from '../../image/image-definitions.ts';
import type { ImageDescription, ImageStore } from '../../image/image-store.ts';
import { randomId } from '../../lib/id.ts';
import type { Log } from '../../lib/log.ts';
import type { BuildRunner } from './build-runner.ts';
import { readBuilderSpec } from './builder-spec.ts';
import type { BuilderSpec } from './builder-spec.ts';
import { BuildFailed, relayBuild } from './relay-build.ts';
import type { TemplateBuild, TemplateBuildRequest, TemplateBuildStore } from './template-build-store.ts';

/** Where a builder runs that asks for its build. */
export interface BuilderSandbox {
  id: string;
  workspaceId: string;
  /** The client asked for these on behalf of the build. */
  limits: { cpus: number; memoryMb: number; diskMb: number };
}

export interface TemplateBuildsOptions {
  store: TemplateBuildStore;
  builds: BuildRunner;
  images: Pick<ImageStore, 'describe' | 'registerManifest' | 'verifyRegistration'>;
  definitions: ImageDefinitions;
  serverKey: Buffer;
  log: Log;
  now?: () => number;
}

/** A prepared build that nobody completes is forgotten. */
const FORGET_AFTER_MS = 24 * 3_600_000;

export type TemplateBuilds = ReturnType<typeof createTemplateBuilds>;

/**
 * Builds that a client drives from a builder sandbox, as the published clients do (tensorlake wire 3). The client
 * prepares a build and starts a builder; the builder hands it over, and the server carries it out as any other; the
 * client completes it, and only then the image has its name.
 */
export function createTemplateBuilds(options: TemplateBuildsOptions) {
  const { store, images, log, now = Date.now } = options;

  const find = (workspaceId: string, id: string): TemplateBuild => {
    const build = store.find(workspaceId, id);
    if (build) return build;
    throw new ApiError('not_found', `no build ${JSON.stringify(id.slice(0, 80))} was prepared here`);
  };

  /** The build that the specification names, if it may be asked for by this sandbox, once. */
  const claim = (sandbox: BuilderSandbox, spec: BuilderSpec): TemplateBuild => {
    const build = find(sandbox.workspaceId, spec.buildId);
    if (!isTokenOf(options.serverKey, build.id, spec.token)) {
      throw new ApiError('forbidden', `the token for build ${build.id} is wrong`);
    }
    if (store.move(build.id, 'prepared', 'running')) return build;
    throw new ApiError('conflict', `build ${build.id} was started before`, {
      hint: 'Prepare another one.',
    });
  };

  const carryOut = async (sandbox: BuilderSandbox, session: BuildSession): Promise<void> => {
    const spec = readBuilderSpec(session.spec);
    const build = claim(sandbox, spec);
    try {
      const { buildId, result } = await relayBuild(options.builds, build, spec, sandbox, session, (id) =>
        store.setBuild(build.id, id),
      );
      store.transaction(() => {
        store.setImage(build.id, result.imageId, spec.diskMb);
        store.move(build.id, 'running', 'built');
      });
      await session.say({ metadata: metadataOf(result, spec) });
      log.info({ templateBuildId: build.id, buildId }, 'built for a builder sandbox');
    } catch (error) {
      store.fail(build.id, error instanceof ApiError ? error.message : 'the build failed');
      throw error;
    }
  };

  return {
    /** Notes what will be built. Refuses a name that could not be registered at the end. */
    prepare: (workspaceId: string, createdBy: string, request: TemplateBuildRequest) => {
      images.verifyRegistration(workspaceId, request.name, request.isPublic);
      const build: TemplateBuild = {
        id: `tbuild_${randomId(20)}`,
        workspaceId,
        request,
        status: 'prepared',
        createdBy,
        createdAt: now(),
      };
      store.removeBefore(now() - FORGET_AFTER_MS);
      store.insert(build);
      return { build, token: tokenOf(options.serverKey, build.id) };
    },
    /** Carries out what a builder asks for. Never rejects: the builder is told why. */
    serve: async (sandbox: BuilderSandbox, session: BuildSession): Promise<void> => {
      try {
        await carryOut(sandbox, session);
        await session.end();
      } catch (error) {
        if (!(error instanceof ApiError)) log.error({ sandboxId: sandbox.id, err: error }, 'a build failed');
        await session.say(failureOf(error)).catch(() => undefined);
        await session.end().catch(() => undefined);
      } finally {
        session.cut();
      }
    },
    /** Gives the image of a build its name. Again, it answers the same. */
    complete: (workspaceId: string, id: string): ImageDescription => {
      const build = find(workspaceId, id);
      if (build.status === 'completed' && build.imageId !== undefined) {
        return images.describe(workspaceId, build.imageId);
      }
      if (build.status !== 'built' || build.imageId === undefined) throw notBuilt(build);
      return store.transaction(() => register(options, build, build.imageId ?? ''));
    },
    get: find,
    /** What an earlier process was carrying out has failed. */
    recover: (): number => store.failRunning('the server was started anew during the build'),
  };
}

function notBuilt({ id, status, error }: TemplateBuild): ApiError {
  const why = status === 'failed' ? `: ${error ?? 'it failed'}` : `; it is ${status}`;
  return new ApiError('conflict', `build ${id} has no image${why}`, { hint: 'Build it again.' });
}

/** The unnamed image of the build and the named one share their manifest. */
function register(
  { store, images, definitions }: TemplateBuildsOptions,
  build: TemplateBuild,
  unnamedId: string,
): ImageDescription {
  const { workspaceId, request, diskMb, buildId, createdBy } = build;
  const made = images.describe(workspaceId, unnamedId);
  const at = images.verifyRegistration(workspaceId, request.name, request.isPublic);
  const { base, substitutedFor, substitutionReason } = made;
  const provenance = {
    ...(base !== undefined && { base }),
    ...(substitutedFor !== undefined && { substitutedFor }),
    ...(substitutionReason !== undefined && { substitutionReason }),
  };
  const registration = { workspaceId, ...at, isPublic: request.isPublic, ...provenance };
  const image = images.registerManifest(registration, made.digest);
  definitions.put(image.id, {
    dockerfile: request.dockerfile,
    createdBy,
    ...(request.baseImage !== undefined && { baseImage: request.baseImage }),
    ...(buildId !== undefined && { buildId }),
    ...(diskMb !== undefined && { diskMb }),
  });
  store.setImage(build.id, image.id, diskMb);
  store.move(build.id, 'built', 'completed');
  return image;
}

type Result = Extract<BuildEvent, { type: 'succeeded' }>['result'];

/** What clients read of the builder's result (tensorlake wire 3.1, step 11). */
const metadataOf = (result: Result, { diskMb }: BuilderSpec) => ({
  snapshot_id: result.imageId,
  snapshot_uri: `oci://${result.digest}`,
  snapshot_format_version: SNAPSHOT_FORMAT,
  snapshot_size_bytes: result.sizeBytes,
  rootfs_disk_bytes: (diskMb ?? DEFAULT_DISK_MB) * 1024 * 1024,
  rootfs_node_kind: 'base',
});

const DEFAULT_DISK_MB = 10_240;
/** Clients of 0.5.33 build upon no other. What it stands for is never read by them. */
export const SNAPSHOT_FORMAT = 'durable_archive_v1';

/** Good for this one build, and only from a sandbox of its workspace. */
const tokenOf = (serverKey: Buffer, id: string): string =>
  createHmac('sha256', serverKey).update(`template-build\0${id}`).digest('hex');

function isTokenOf(serverKey: Buffer, id: string, token: string): boolean {
  const wanted = Buffer.from(tokenOf(serverKey, id));
  const given = Buffer.from(token);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function failureOf(error: unknown): BuilderAnswer {
  if (!(error instanceof ApiError)) {
    return { failed: 'the build failed for a reason of the server; its log has the cause' };
  }
  const failed = error.hint === undefined ? error.message : `${error.message}\n${error.hint}`;
  const shortOf = error instanceof BuildFailed ? error.shortOf : undefined;
  return { failed, ...(shortOf !== undefined && { shortOf }) };
}
