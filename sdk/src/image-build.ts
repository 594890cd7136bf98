import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import { buildLogLines } from '@atoll/protocol';
import type { BuildEvent, BuildOptions, BuildResult } from '@atoll/protocol';
import type { ContextProgress } from './build-context.ts';
import { packContext } from './build-context.ts';
import { BuildClient } from './build-client.ts';
import type { WaitOptions } from './call-options.ts';
import type { ClientOptions } from './connection.ts';
import { readDockerCredentialsFor } from './docker-config.ts';
import type { DockerCredentials } from './docker-config.ts';
import { externalImages } from './dockerfile-images.ts';
import { SandboxError } from './errors.ts';
import { lendSshAgents } from './ssh-lending.ts';
import type { Lending } from './ssh-lending.ts';
import { openSshAgents, readKnownHosts } from './ssh-source.ts';
import type { SshAgents, SshSource } from './ssh-source.ts';
import { withoutUndefined } from './without-undefined.ts';

/** What is told while an image is built. The last one is `done`. */
export type ImageBuildMessage =
  | { type: 'status' | 'warning'; message: string }
  | { type: 'build_log'; message: string; stream: 'stdout' | 'stderr' }
  | { type: 'image_registered'; name: string; image_id: string }
  | { type: 'done' };

export interface BuildImageOptions extends WaitOptions {
  /** `repository[:tag]`; by default the name of the definition, or what the Dockerfile's path says. */
  registeredName?: string | undefined;
  /** Where COPY and ADD find their sources. For a Dockerfile its own folder is the default. */
  contextDir?: string | undefined;
  /** Lets every workspace use it. */
  isPublic?: boolean | undefined;
  /** For the build; default 2. */
  cpus?: number | undefined;
  /** For the build; default 4096. */
  memoryMb?: number | undefined;
  /** The disk that sandboxes of the image are expected to have; default 10240. */
  diskMb?: number | undefined;
  /** The disk of the build. */
  builderDiskMb?: number | undefined;
  /** Refuses when the name is taken, instead of moving it. */
  noReplace?: boolean | undefined;
  /** The stage to build; the last one by default. */
  target?: string | undefined;
  buildArgs?: Record<string, string> | undefined;
  labels?: Record<string, string> | undefined;
  /** Content by id, for `RUN --mount=type=secret`. Kept nowhere. */
  secrets?: Record<string, string | Uint8Array> | undefined;
  /**
   * SSH agents for `RUN --mount=type=ssh`, by id; ADD takes `default` for repositories over SSH. They sign here, while the
   * build runs: no private key is sent.
   */
  ssh?: Record<string, SshSource> | undefined;
  /** Text in the form of `known_hosts`: whom ADD may trust. By default this user's, for Dockerfiles that need it. */
  sshKnownHosts?: string | undefined;
  noCache?: boolean | undefined;
  platform?: string | undefined;
  /** For registries; by default what docker would use. */
  credentials?: DockerCredentials | undefined;
  /** Told in the words of the published clients. */
  emit?: ((message: ImageBuildMessage) => void) | undefined;
  /** Told everything that the server says. */
  onEvent?: ((event: BuildEvent) => void) | undefined;
  onContext?: ((progress: ContextProgress) => void) | undefined;
  /** Told the id before anything is sent. */
  onBegin?: ((buildId: string) => void) | undefined;
  /** How to reach the server; default as every client finds it. */
  connection?: ClientOptions | undefined;
}

/** What to build. */
export type BuildSource =
  | { kind: 'definition'; name: string; dockerfile: string; needsContext: boolean }
  | { kind: 'dockerfile'; path: string };

/** A registered image. */
export interface BuiltImage extends BuildResult {
  id: string;
  buildId: string;
}

/** A build that ended without an image. */
export class ImageBuildError extends SandboxError {
  readonly buildId: string;
  /** Its step, exit code and last output, where it had come so far. */
  readonly failure: Extract<BuildEvent, { type: 'failed' }>['failure'] | undefined;

  constructor(buildId: string, message: string, failure?: ImageBuildError['failure']) {
    super(message, { hint: failure?.hint });
    this.name = 'ImageBuildError';
    this.buildId = buildId;
    this.failure = failure;
  }
}

/** Builds a Dockerfile or a definition on the server. An abort of the signal cancels the build there. */
export async function buildImage(source: BuildSource, options: BuildImageOptions): Promise<BuiltImage> {
  const client = new BuildClient(options.connection);
  const ssh = await openSshAgents(options.ssh ?? {}, options.signal);
  try {
    return await carryOut(client, await prepare(source, options), options, ssh);
  } finally {
    ssh.close();
    client.close();
  }
}

interface Prepared {
  request: BuildOptions & { name: string; dockerfile: string };
  context: { dir: string; dockerfileName: string } | undefined;
}

async function prepare(source: BuildSource, options: BuildImageOptions): Promise<Prepared> {
  const { dockerfile, path, context } = await readSource(source, options);
  const { cpus, memoryMb, diskMb, builderDiskMb, isPublic, noReplace } = options;
  const { target, buildArgs, labels, noCache, platform, signal } = options;
  const credentials =
    options.credentials ??
    (await readDockerCredentialsFor(externalImages(dockerfile, buildArgs), { signal }));
  const request = withoutUndefined({
    name: options.registeredName ?? defaultName(source),
    dockerfile,
    dockerfilePath: path,
    context: context !== undefined,
    dockerConfigJson: credentials,
    secrets: options.secrets && encodeSecrets(options.secrets),
    ssh: options.ssh && Object.keys(options.ssh),
    sshKnownHosts: options.sshKnownHosts ?? (options.ssh && (await readKnownHosts(dockerfile))),
    cpus,
    memoryMb,
    diskMb,
    builderDiskMb,
    isPublic,
    noReplace,
    target,
    buildArgs,
    labels,
    noCache,
    platform,
  });
  return { request, context };
}

async function readSource(source: BuildSource, { contextDir }: BuildImageOptions) {
  if (source.kind === 'definition') {
    const { dockerfile, needsContext } = source;
    if (needsContext && contextDir === undefined) {
      throw new SandboxError('the image copies files, but there is no contextDir', {
        hint: 'Pass `contextDir`: the folder that the sources of copy() and add() are in.',
      });
    }
    const dir = contextDir === undefined ? undefined : await verifyFolder(contextDir);
    const context = dir === undefined ? undefined : { dir, dockerfileName: 'Dockerfile' };
    return { dockerfile, path: undefined, context };
  }
  const path = resolve(source.path);
  const dockerfile = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new SandboxError(`the Dockerfile ${source.path} cannot be read: ${why}`, { cause });
  });
  const dir = await verifyFolder(contextDir ?? dirname(path));
  return { dockerfile, path: relative(dir, path), context: { dir, dockerfileName: relative(dir, path) } };
}

async function verifyFolder(dir: string): Promise<string> {
  const found = await stat(dir).catch(() => undefined);
  if (found?.isDirectory()) return resolve(dir);
  throw new SandboxError(`the build context ${dir} is not a folder`);
}

/** The file's stem, or for a `Dockerfile` the name of its folder. */
function defaultName(source: BuildSource): string {
  if (source.kind === 'definition') return source.name;
  const path = resolve(source.path);
  const stem = basename(path).replace(/\.[^.]*$/, '');
  const name = stem.toLowerCase() === 'dockerfile' ? basename(dirname(path)) : stem;
  return name.toLowerCase().replace(/[^a-z0-9._-]+/g, '-');
}

const encodeSecrets = (secrets: Record<string, string | Uint8Array>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(secrets).map(([id, value]) => [id, Buffer.from(value).toString('base64')]),
  );

async function carryOut(
  client: BuildClient,
  { request, context }: Prepared,
  options: BuildImageOptions,
  { agents }: SshAgents,
): Promise<BuiltImage> {
  const { signal, emit = () => {} } = options;
  emit({ type: 'status', message: `Building image '${request.name}'...` });
  const { id } = await client.create(request, { signal });
  const failed = new AbortController();
  const linked = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  try {
    options.onBegin?.(id);
    const following = { ...options, signal: linked };
    const ended = new AbortController();
    const lending = { buildId: id, agents, signal: AbortSignal.any([linked, ended.signal]) };
    const [result] = await Promise.all([
      follow(client, id, following).finally(() => ended.abort()),
      context && upload(client, id, context, following),
      agents.size > 0 && lend(client, lending),
    ]);
    emit({ type: 'image_registered', name: result.name ?? request.name, image_id: result.imageId });
    emit({ type: 'done' });
    return { ...result, id: result.imageId, buildId: id };
  } catch (error) {
    failed.abort(error);
    // Also after a failure: a build whose client is gone would wait for its context, or work for nobody.
    await client.cancel(id).catch(() => undefined);
    throw error;
  }
}

async function upload(
  client: BuildClient,
  id: string,
  { dir, dockerfileName }: { dir: string; dockerfileName: string },
  { signal, onContext, emit }: BuildImageOptions,
): Promise<void> {
  let last: ContextProgress = { fileCount: 0, sizeBytes: 0 };
  const onProgress = (progress: ContextProgress): void => {
    last = progress;
    onContext?.(progress);
  };
  emit?.({ type: 'status', message: `Uploading build context ${dir}...` });
  try {
    await client.uploadContext(id, packContext(dir, { dockerfileName, onProgress, signal }), { signal });
  } catch (error) {
    // A build that has ended takes no context any more; why it ended is in its log.
    if (signal?.aborted || !(await hasEnded(client, id))) throw error;
    return;
  }
  emit?.({ type: 'status', message: `Build context: ${last.fileCount} files, ${last.sizeBytes} B` });
}

async function lend(client: BuildClient, lending: Lending): Promise<void> {
  try {
    await lendSshAgents(client, lending);
  } catch (error) {
    // A build that has ended borrows nothing any more.
    if (!(await hasEnded(client, lending.buildId))) throw error;
  }
}

const hasEnded = (client: BuildClient, id: string): Promise<boolean> =>
  client.get(id).then(
    ({ endedAt }) => endedAt !== undefined,
    () => false,
  );

async function follow(client: BuildClient, id: string, options: BuildImageOptions): Promise<BuildResult> {
  for await (const event of client.events(id, { signal: options.signal })) {
    options.onEvent?.(event);
    if (options.emit) tell(event, buildLogLines(event), options.emit);
    if (event.type === 'succeeded') return event.result;
    if (event.type === 'cancelled') throw new ImageBuildError(id, `the build was cancelled: ${event.reason}`);
    if (event.type === 'failed') throw new ImageBuildError(id, failureText(event.failure), event.failure);
  }
  throw new SandboxError(`the log of build ${id} ended before the build`);
}

const failureText = ({ step, message }: NonNullable<ImageBuildError['failure']>): string =>
  step === undefined || message.includes(step) ? message : `${step}: ${message}`;

function tell(event: BuildEvent, lines: readonly string[], emit: (message: ImageBuildMessage) => void): void {
  if (event.type === 'warning') return emit({ type: 'warning', message: event.message });
  const stream = event.type === 'step_output' ? event.stream : 'stdout';
  for (const message of lines) emit({ type: 'build_log', message, stream });
}
