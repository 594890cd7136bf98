import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { ApiError } from '@atoll/protocol';
import type { Build, BuildEvent } from '@atoll/protocol';
import type { AgentBinaries } from '../agent/binary.ts';
import type { ImageDefinitions } from '../image/image-definitions.ts';
import type { ImageStore } from '../image/image-store.ts';
import { createLayerTool } from '../image/layer-tool.ts';
import { randomId } from '../lib/id.ts';
import type { Log } from '../lib/log.ts';
import { createSemaphore } from '../lib/semaphore.ts';
import { withoutUndefined } from '../lib/without-undefined.ts';
import type { Db } from '../store/db.ts';
import { createQuotaStore } from '../store/quota-store.ts';
import { buildHolder } from './base-image.ts';
import { createBuilders } from './builder.ts';
import type { BuilderOptions } from './builder.ts';
import { createBuildReport } from './build-report.ts';
import { readDockerfile, unpackContext } from './build-context.ts';
import { takeSettings } from './context-settings.ts';
import { inputOf, namingOf } from './build-input.ts';
import { requireQuota, sizeOf, usualLimits, usualSize } from './build-limits.ts';
import type { BuildLimits } from './build-limits.ts';
import { createBuildStore } from './build-store.ts';
import type { BuildEnd, BuildPage, BuildRecord, DebugState } from './build-store.ts';
import type { BuildRequest } from './build-request.ts';
import { createCacheMounts } from './cache-mount.ts';
import { createEventLogs } from './event-log.ts';
import { execute } from './execute.ts';
import { failureOf } from './failure.ts';
import { Cancelled, endOf, lastEvent, OutOfTime, recordedEnd } from './live-build.ts';
import type { LiveBuild } from './live-build.ts';
import { verifyNaming } from './finish-image.ts';
import { createSshLending } from './ssh-lending.ts';
import type { SshLending } from './ssh-lending.ts';
import { createStepCache } from './step-cache.ts';
import { createWorkplace, listWorkplaces, removeWorkplace } from './workplace.ts';
import type { Workplace } from './workplace.ts';

export interface BuildsOptions extends BuilderOptions {
  db: Db;
  definitions: ImageDefinitions;
  images: ImageStore;
  agents: AgentBinaries;
  dataDir: string;
  runDir: string;
  log: Log;
  now?: () => number;
  limits?: Partial<BuildLimits>;
}

const MAX_WAITING = 1000;
const TIDY_EVERY_MS = 3_600_000;

export type Builds = ReturnType<typeof createBuilds>;

/** The builds of all workspaces. */
export function createBuilds(options: BuildsOptions) {
  const { db, images, log, now = Date.now } = options;
  const limits = { ...usualLimits, ...options.limits };
  const store = createBuildStore(db);
  const quotas = createQuotaStore(db);
  const cache = createStepCache(db, now);
  const logs = createEventLogs(join(options.dataDir, 'build-log'), {
    now,
    onError: (err, path) => log.error({ err, path }, 'the log of a build cannot be written'),
  });
  const workDir = join(options.dataDir, 'build');
  const mountDir = join(options.runDir, 'build');
  const tool = createLayerTool(options.agents.current.path);
  const builders = createBuilders(options);
  const cacheMounts = createCacheMounts({
    runDir: join(options.runDir, 'build-cache'),
    dataDir: join(options.dataDir, 'build-cache'),
    sizeMb: usualSize.builderDiskMb,
  });
  const lanes = createSemaphore(
    limits.maxRunning,
    MAX_WAITING,
    () => new ApiError('too_busy', 'too many builds wait for their turn'),
    limits.maxRunningPerWorkspace,
  );
  const unpacking = createSemaphore(
    limits.maxUnpacking,
    MAX_WAITING,
    () => new ApiError('too_busy', 'too many contexts are being received'),
    limits.maxUnpackingPerWorkspace,
  );
  const live = new Map<string, LiveBuild>();
  let isClosing = false;

  const require = (workspaceId: string, id: string): BuildRecord => {
    const record = store.find(workspaceId, id);
    if (record) return record;
    throw new ApiError('not_found', `no build ${id}`, { hint: 'See your builds with GET /v1/builds.' });
  };

  const create = (workspaceId: string, request: BuildRequest): BuildRecord => {
    if (isClosing) throw new ApiError('shutting_down', 'the server is stopping');
    const naming = namingOf(workspaceId, request);
    verifyNaming(images.workshop, naming);
    const size = sizeOf(request, limits);
    const { builds: quota = limits.maxPerWorkspace } = quotas.of(workspaceId);
    requireQuota(store.countUnsettled(workspaceId), quota);
    if (!request.context && request.dockerfile === undefined) {
      throw new ApiError('invalid_request', 'a build without a context needs the text of its Dockerfile');
    }
    const record: BuildRecord = {
      id: `build_${randomId(20)}`,
      workspaceId,
      status: 'waiting',
      ...size,
      createdAt: now(),
      ...(request.name !== undefined && { name: request.name }),
      ...(request.target !== undefined && { target: request.target }),
      ...(request.dockerfile !== undefined && { dockerfile: request.dockerfile }),
    };
    store.insert(record);
    const writer = logs.open(record.id);
    const report = createBuildReport(writer, now);
    const stopping = new AbortController();
    const lending = createSshLending(request.ssh ?? []);
    const build: LiveBuild = { record, request, naming, writer, report, lending, stop: stopping };
    live.set(record.id, build);
    if (request.context) {
      const giveUp = (): void => stop(build, new OutOfTime('no context arrived in time'));
      build.abandoned = setTimeout(giveUp, limits.contextTimeoutMs).unref();
    } else start(build, () => Promise.resolve());
    return record;
  };

  const makeWorkplace = async (build: LiveBuild): Promise<Workplace> => {
    options.checkHost();
    const { id, builderDiskMb } = build.record;
    const folders = { runDir: join(mountDir, id), dataDir: join(workDir, id) };
    build.workplace = await createWorkplace({ ...folders, diskMb: builderDiskMb }, build.stop.signal);
    return build.workplace;
  };

  /** From here on the build has work in flight, which ends it in whatever way. */
  const start = (build: LiveBuild, prepare: () => Promise<void>): void => {
    build.work = run(build, prepare).finally(() => live.delete(build.record.id));
    build.work.catch((err: unknown) =>
      log.error({ buildId: build.record.id, err }, 'a build could not be ended'),
    );
  };

  const run = async (build: LiveBuild, prepare: () => Promise<void>): Promise<void> => {
    const { record, stop: stopping } = build;
    let debug: DebugState | undefined;
    let end: BuildEnd;
    try {
      await prepare();
      if (!store.move(record.id, 'waiting', 'queued', now())) throw new Cancelled('the build has ended');
      build.writer.write({ type: 'status', status: 'queued' });
      const result = await lanes.run(
        stopping.signal,
        () =>
          within(build, 'the build took too long', build.request.timeoutMs ?? limits.timeoutMs, () =>
            carryOut(build, (found) => (debug = found)),
          ),
        record.workspaceId,
      );
      end = { status: 'succeeded', result };
    } catch (error) {
      end = endOf(build, error, debug);
      if (end.failure?.code === 'internal') log.error({ buildId: record.id, err: error }, 'a build failed');
    }
    await settle(build, end);
  };

  /** The time that a part of a build may take, from now on. */
  const within = async <T>(
    { stop: stopping }: LiveBuild,
    message: string,
    ms: number,
    work: () => Promise<T>,
  ): Promise<T> => {
    const limit = setTimeout(() => stopping.abort(new OutOfTime(message)), ms).unref();
    try {
      return await work();
    } finally {
      clearTimeout(limit);
    }
  };

  const carryOut = async (build: LiveBuild, onFailure: (debug: DebugState) => void) => {
    const { record, report, writer, stop: stopping } = build;
    if (!store.move(record.id, 'queued', 'running', now())) throw new Cancelled('the build has ended');
    writer.write({ type: 'status', status: 'running' });
    // Without a context there is nothing to keep before the turn of the build.
    const workplace = build.workplace ?? (await makeWorkplace(build));
    const context = { tool, contextDir: workplace.contextDir, signal: stopping.signal };
    const dockerfilePath = build.request.dockerfilePath ?? 'Dockerfile';
    const dockerfile = build.request.dockerfile ?? (await readDockerfile(context, dockerfilePath));
    store.setDockerfile(record.id, dockerfile);
    const settings = build.request.hasSettingsInContext ? await takeSettings(context, dockerfilePath) : {};
    const execution = {
      input: { ...inputOf(build, dockerfile), ...settings },
      workplace,
      report,
      signal: stopping.signal,
      onFailure,
    };
    const result = await execute(
      { images, builder: builders.ofBuild(), tool, cache, cacheMounts, now },
      execution,
    );
    const { diskMb, createdBy } = build.request;
    const definition = withoutUndefined({ dockerfile, buildId: record.id, diskMb, createdBy });
    options.definitions.put(result.imageId, definition);
    return result;
  };

  /**
   * All stages have let go by now, so the end is told first: nobody who waits for the image waits for unmounting. What is
   * left meanwhile is found by its name if the server dies, as anything of a build that was cut. Where the build has
   * filled the disk that its record is on, the end is written once its files are gone.
   */
  const settle = async (build: LiveBuild, end: BuildEnd): Promise<void> => {
    const { record, writer } = build;
    clearTimeout(build.abandoned);
    build.lending.end();
    const isWritten = hasRoomFor(() => store.end(record.id, end, now()));
    if (isWritten) writer.write(lastEvent(end, now() - record.createdAt));
    const removed = build.workplace
      ?.remove()
      .catch((err: unknown) => log.error({ err, buildId: record.id }, 'a build left something behind'));
    await Promise.all([removed, builders.settled()]);
    if (!isWritten) {
      writer.write(lastEvent(end, now() - record.createdAt));
      store.end(record.id, end, now());
    }
    cache.trim();
    await cacheMounts.trim().catch((err: unknown) => log.warn({ err }, 'caches of builds stay on disk'));
  };

  const stop = (build: LiveBuild, reason: Error): void => {
    build.stop.abort(reason);
    // One that waits for its context has no work that would notice.
    if (build.work === undefined) start(build, () => Promise.reject(reason));
  };

  const upload = async (
    workspaceId: string,
    id: string,
    body: Readable,
    signal: AbortSignal,
  ): Promise<BuildRecord> => {
    const record = require(workspaceId, id);
    const build = live.get(id);
    if (build === undefined || build.work !== undefined || record.status !== 'waiting') {
      throw new ApiError('conflict', `build ${id} does not wait for a context: it is ${record.status}`);
    }
    clearTimeout(build.abandoned);
    const { promise: received, resolve, reject } = Promise.withResolvers<void>();
    start(build, async () => {
      try {
        const either = AbortSignal.any([build.stop.signal, signal]);
        const receive = async (): Promise<void> => {
          const { contextDir } = await makeWorkplace(build);
          await unpackContext({ tool, contextDir, signal: either }, body);
        };
        const inTime = () => within(build, 'the context took too long', limits.uploadTimeoutMs, receive);
        await unpacking.run(either, inTime, workspaceId);
        resolve();
      } catch (error) {
        const shown = build.stop.signal.aborted ? build.stop.signal.reason : error;
        reject(shown);
        throw shown;
      }
    });
    await received;
    return require(workspaceId, id);
  };

  const settleLost = (id: string): void => {
    const failure = failureOf(
      new ApiError('shutting_down', 'the server ended while the image was being built', {
        hint: 'Build it again: what was done is cached.',
      }),
      undefined,
      false,
    );
    store.end(id, { status: 'failed', failure }, now());
    images.dropReferences(buildHolder(id));
  };

  const tidy = (): void => {
    // Those whose end the disk had no room for.
    for (const { id } of store.unsettled()) if (!live.has(id)) settleLost(id);
    for (const id of store.forgetBefore(now() - limits.keepEndedMs)) {
      logs.remove(id);
      images.dropReferences(buildHolder(id));
    }
  };
  const tidying = setInterval(tidy, TIDY_EVERY_MS).unref();

  return {
    create,
    upload,
    get: require,
    list: (workspaceId: string, page: BuildPage): BuildRecord[] => store.list(workspaceId, page),
    ofImage: store.ofImage,
    countUnsettledByStatus: store.countUnsettledByStatus,
    /** The events after a number; the last one is the build's end, unless there is none yet and nobody follows. */
    events: (
      workspaceId: string,
      id: string,
      reading: { after: number; follow: boolean; signal: AbortSignal },
    ): AsyncGenerator<BuildEvent> => {
      const record = require(workspaceId, id);
      const end = live.has(id) ? undefined : recordedEnd(record);
      return logs.read(id, { ...reading, ...(end && { end }) });
    },
    /** The SSH agents that are lent to a build; only whose key began it lends them. */
    lendingOf: (workspaceId: string, id: string, keyId: string): SshLending => {
      const { status } = require(workspaceId, id);
      const build = live.get(id);
      if (build === undefined) throw new ApiError('conflict', `build ${id} has ended: it is ${status}`);
      if (build.request.createdBy === keyId) return build.lending;
      throw new ApiError('forbidden', `build ${id} was begun with another key, which alone may lend to it`, {
        hint: 'Lend with the key that began the build.',
      });
    },
    /** Ends a build and waits until nothing of it is left. */
    cancel: async (workspaceId: string, id: string): Promise<BuildRecord> => {
      require(workspaceId, id);
      const build = live.get(id);
      if (build) {
        stop(build, new Cancelled('the build was cancelled'));
        await build.work;
      }
      return require(workspaceId, id);
    },
    /** The state before the step that failed, as an image to start a sandbox from. */
    debugState: (workspaceId: string, id: string): DebugState => {
      const { debug, status } = require(workspaceId, id);
      if (debug) return debug;
      throw new ApiError('conflict', `build ${id} has no state to look at: it is ${status}`);
    },
    pruneCaches: (usedBefore: number, workspaceId?: string) => cacheMounts.prune(usedBefore, workspaceId),
    /** Settles what an earlier process left, before the first request. Its sandboxes are gone by then. */
    open: async (): Promise<void> => {
      await mkdir(workDir, { recursive: true, mode: 0o700 });
      for (const id of await listWorkplaces(workDir, mountDir)) {
        await removeWorkplace(join(mountDir, id), join(workDir, id)).catch((err: unknown) =>
          log.error({ err, buildId: id }, 'a build left something behind'),
        );
      }
      await cacheMounts.reconcile();
      tidy();
    },
    close: async (): Promise<void> => {
      isClosing = true;
      clearInterval(tidying);
      const ending = [...live.values()];
      for (const build of ending) stop(build, new ApiError('shutting_down', 'the server is stopping'));
      await Promise.allSettled(ending.map(({ work }) => work));
      // Nothing is removed through a mount: what is still mounted holds what the next builds need.
      await cacheMounts.reconcile();
      for (const id of await listWorkplaces(mountDir))
        await removeWorkplace(join(mountDir, id), join(workDir, id));
      for (const dir of ['build', 'build-cache'])
        await rm(join(options.runDir, dir), { recursive: true, force: true });
    },
  };
}

/** Whether the database took what `write` wrote. */
function hasRoomFor(write: () => void): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'host_out_of_disk') return false;
    throw error;
  }
}

/** A build as clients see it. */
export function toBuild(record: BuildRecord): Build {
  const { workspaceId: _workspace, imageId: _image, debug: _debug, ...shown } = record;
  return shown;
}
