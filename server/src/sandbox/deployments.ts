import { createHash, randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { ApiError } from '@atoll/protocol';
import type { BuildEvent } from '@atoll/protocol';
import type { Builds } from '../build/builds.ts';
import type { BuildRequest } from '../build/build-request.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { DockerConfig } from '../image/remote/registry-credentials.ts';
import type { Clock } from '../lib/clock.ts';
import { randomId } from '../lib/id.ts';
import type { Log } from '../lib/log.ts';
import { withoutUndefined } from '../lib/without-undefined.ts';
import type { Deployment, DeploymentKind, DeploymentStore } from '../store/deployment-store.ts';
import type { DeclaredRequest, DeclaredSandboxes } from './declared-sandboxes.ts';

/** What an image is made of: what the client uploads next, or an image of another registry. */
export type DeploymentSource =
  | { kind: 'upload' }
  | { kind: 'registry'; image: string; dockerConfig?: DockerConfig };

export interface DeploymentRequest {
  name: string;
  source: DeploymentSource;
  /** Who asks, and with which key. */
  by: string;
  keyId?: string;
  /** What to run on the image `NAME:TAG` once it is there; absent where the image is all that is wanted. */
  runOn?: (image: string) => DeclaredRequest;
}

export interface DeploymentsOptions {
  store: DeploymentStore;
  builds: Pick<Builds, 'create' | 'upload' | 'events' | 'cancel'>;
  images: Pick<ImageStore, 'tag'>;
  declared: Pick<DeclaredSandboxes, 'deploy'>;
  clock: Clock;
  log: Log;
}

export interface Begun {
  deployment: Deployment;
  /** Good for one upload. */
  token?: string;
}

export type Deployments = ReturnType<typeof createDeployments>;

/** How long the start of a sandbox is waited for; it goes on beyond that, and its record says how it ends. */
const START_TIMEOUT_MS = 120_000;
const TAG_LENGTH = 12;
const TOKEN_BYTES = 32;
const FORGET_EVERY_MS = 3_600_000;

/**
 * What is declared under a name and needs its image built first. The build is an ordinary one; when it has succeeded the
 * image is NAME:TAG and NAME:latest, and the sandbox that was declared runs on it. One name is deployed once at a time: a
 * new deployment takes the place of what was under way.
 */
export function createDeployments(options: DeploymentsOptions) {
  const { store, builds, images, declared, clock, log } = options;
  const closing = new AbortController();
  const following = new Set<Promise<void>>();

  const isUnderWay = (one: Deployment | undefined): one is Deployment =>
    one !== undefined &&
    (one.status === 'uploading' || one.status === 'building' || one.status === 'deploying');

  const cancelBuild = ({ workspaceId, buildId }: Deployment): void =>
    void builds.cancel(workspaceId, buildId).catch((err: unknown) => {
      log.warn({ buildId, err }, 'the build of a deployment cannot be cancelled');
    });

  /** The image is there: it gets its second name, and what was declared runs on it. */
  const deploy = async (one: Deployment, image: string, { runOn, by }: DeploymentRequest): Promise<void> => {
    images.tag(one.workspaceId, image, one.name);
    if (runOn === undefined) return void store.move(one.id, 'deployed', clock.now());
    // Somebody may have removed it meanwhile.
    if (!store.move(one.id, 'deploying', clock.now())) return;
    const onWritten = (): void => {
      if (store.move(one.id, 'deployed', clock.now())) return;
      throw new ApiError('conflict', `the deployment of ${one.name} is no longer wanted`);
    };
    await declared.deploy(one.workspaceId, { ...runOn(image), by, onWritten }, START_TIMEOUT_MS);
  };

  const carryOut = async (one: Deployment, image: string, asked: DeploymentRequest): Promise<void> => {
    try {
      const { workspaceId, buildId } = one;
      const reading = { after: 0, follow: true, signal: closing.signal };
      const end = await lastOf(builds.events(workspaceId, buildId, reading));
      if (end?.type === 'succeeded') return await deploy(one, image, asked);
      store.move(one.id, 'failed', clock.now(), reasonOf(end));
    } catch (error) {
      if (closing.signal.aborted) return; // the next process says that it was cut
      log.warn({ deployment: one.id, err: error }, 'a deployment failed');
      const shown = error instanceof ApiError ? error.message : 'the deployment failed';
      store.move(one.id, 'failed', clock.now(), shown);
    }
  };

  const follow = (one: Deployment, image: string, asked: DeploymentRequest): void => {
    const work = carryOut(one, image, asked).finally(() => following.delete(work));
    following.add(work);
  };

  const forgetting = setInterval(store.forget, FORGET_EVERY_MS).unref();

  return {
    /** Begins one, which takes the place of what has the name. Its status is set when this returns. */
    begin: (workspaceId: string, asked: DeploymentRequest): Begun => {
      const kind: DeploymentKind = asked.runOn ? 'sandbox' : 'image';
      const image = `${asked.name}:${randomId(TAG_LENGTH)}`;
      const planned = asked.runOn?.(image);
      const before = store.find(workspaceId, kind, asked.name);
      const build = builds.create(workspaceId, buildOf(image, asked));
      if (isUnderWay(before)) cancelBuild(before);
      const now = clock.now();
      const isUpload = asked.source.kind === 'upload';
      const one: Deployment = withoutUndefined({
        id: `dep_${randomId(20)}`,
        workspaceId,
        kind,
        name: asked.name,
        status: isUpload ? ('uploading' as const) : ('building' as const),
        buildId: build.id,
        isSeen: false,
        createdAt: now,
        updatedAt: now,
        declaration: planned && {
          ...planned.declaration,
          createdAt: now,
          updatedAt: now,
          createdBy: asked.by,
          updatedBy: asked.by,
          revisions: [{ id: `rev-${randomId(10)}`, at: now }],
        },
      });
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      store.put(one, isUpload ? hashOf(token) : undefined);
      follow(one, image, asked);
      return { deployment: one, ...(isUpload && { token }) };
    },
    /** Takes what a client uploads. Throws `not_found` when the token was used, has expired or was never given out. */
    upload: async (token: string, body: Readable, signal: AbortSignal): Promise<Deployment> => {
      const one = store.takeToken(hashOf(token), clock.now());
      if (one === undefined) {
        throw new ApiError('not_found', 'this upload URL was used, has expired, or is none of this server', {
          hint: 'Ask for another one with ?upload=true.',
        });
      }
      await builds.upload(one.workspaceId, one.buildId, body, signal);
      store.move(one.id, 'building', clock.now());
      return one;
    },
    /** The last one of a name, whatever became of it. */
    find: store.find,
    ofWorkspace: store.ofWorkspace,
    isUnderWay,
    /** Notes that a client has been told of it. */
    tell: (one: Deployment): void => {
      if (!one.isSeen) store.markSeen(one.id);
    },
    /** What has the name is no longer wanted. */
    remove: (workspaceId: string, kind: DeploymentKind, name: string): void => {
      const one = store.find(workspaceId, kind, name);
      if (one === undefined) return;
      store.remove(one.id, clock.now());
      if (isUnderWay(one)) cancelBuild(one);
    },
    /** What the last build of a name told. */
    events: (workspaceId: string, name: string, signal: AbortSignal): AsyncIterable<BuildEvent> => {
      const found = (['sandbox', 'image'] as const).flatMap(
        (kind) => store.find(workspaceId, kind, name) ?? [],
      );
      const [newest] = found.toSorted((one, other) => other.createdAt - one.createdAt);
      if (newest === undefined) throw new ApiError('not_found', `nothing was built for ${name.slice(0, 80)}`);
      return builds.events(workspaceId, newest.buildId, { after: 0, follow: false, signal });
    },
    /** Settles what an earlier process left: its builds are gone with it, and so is what was confided to it. */
    open: (): void => {
      const cut = store.failUnsettled('the server was started anew meanwhile; deploy it again', clock.now());
      if (cut > 0) log.info({ cut }, 'deployments of an earlier process have failed');
      store.forget();
    },
    close: async (): Promise<void> => {
      clearInterval(forgetting);
      closing.abort();
      await Promise.allSettled(following);
    },
  };
}

/** Tokens are kept as digests: who reads the database cannot upload. */
const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');

function buildOf(name: string, { source, keyId }: DeploymentRequest): BuildRequest {
  const base = {
    name,
    buildArgs: {},
    labels: {},
    secrets: new Map<string, Buffer>(),
    noCache: false,
    noReplace: false,
    needsSandboxApi: true,
    ...(keyId !== undefined && { createdBy: keyId }),
  };
  if (source.kind === 'upload') return { ...base, context: true, hasSettingsInContext: true };
  const { image, dockerConfig } = source;
  if (/\s/.test(image)) throw new ApiError('invalid_request', 'the name of an image has no spaces');
  return {
    ...base,
    context: false,
    dockerfile: `FROM ${image}\n`,
    ...(dockerConfig && { dockerConfig }),
  };
}

async function lastOf(events: AsyncIterable<BuildEvent>): Promise<BuildEvent | undefined> {
  let last: BuildEvent | undefined;
  for await (const event of events) last = event;
  return last;
}

function reasonOf(end: BuildEvent | undefined): string {
  if (end?.type === 'failed') return end.failure.message;
  return end?.type === 'cancelled' ? end.reason : 'the build did not end';
}
