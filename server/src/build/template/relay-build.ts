import { ApiError, buildLogLines, errorTable } from '@atoll/protocol';
import type { BuildEvent, BuildFailure, BuildResult, ErrorCode } from '@atoll/protocol';
import type { BuildSession } from '../../agent/build-session.ts';
import type { BuildRunner, RelayedRequest } from './build-runner.ts';
import type { BuilderSpec } from './builder-spec.ts';
import type { TemplateBuild } from './template-build-store.ts';
import type { BuilderSandbox } from './template-builds.ts';

/** Carries a build out for a builder: its context in, the log out. A builder that is gone cancels it. */
export async function relayBuild(
  builds: BuildRunner,
  build: TemplateBuild,
  spec: BuilderSpec,
  sandbox: BuilderSandbox,
  session: BuildSession,
  onBegin: (buildId: string) => void,
): Promise<{ buildId: string; result: BuildResult }> {
  const { workspaceId } = build;
  const { id } = builds.create(workspaceId, requestOf(build, spec, sandbox));
  const cancel = (): Promise<unknown> => builds.cancel(workspaceId, id).catch(() => undefined);
  const onGone = (): void => void cancel();
  session.gone.addEventListener('abort', onGone, { once: true });
  try {
    onBegin(id);
    // An answer at once: a builder that hears nothing gives up.
    await session.say({ log: `Build ${id}\n` });
    if (spec.hasContext) await builds.upload(workspaceId, id, session.context, session.gone);
    else session.context.resume();
    const following = { after: 0, follow: true, signal: session.gone };
    const result = await tellAll(builds.events(workspaceId, id, following), session);
    return { buildId: id, result };
  } catch (error) {
    await cancel();
    throw error;
  } finally {
    session.gone.removeEventListener('abort', onGone);
  }
}

/** The builder sandbox is as big as the client wants the build to be. The image gets its name when all is done. */
function requestOf(
  { request }: TemplateBuild,
  spec: BuilderSpec,
  { limits }: BuilderSandbox,
): RelayedRequest {
  const imported = spec.importReference;
  return {
    dockerfile: imported === undefined ? request.dockerfile : `FROM ${imported}\n`,
    context: spec.hasContext,
    buildArgs: {},
    labels: {},
    secrets: new Map(),
    noCache: false,
    cpus: limits.cpus,
    memoryMb: limits.memoryMb,
    builderDiskMb: limits.diskMb,
    noReplace: false,
    ...(spec.dockerConfig && { dockerConfig: spec.dockerConfig }),
  };
}

async function tellAll(events: AsyncIterable<BuildEvent>, session: BuildSession): Promise<BuildResult> {
  for await (const event of events) {
    const lines = buildLogLines(event);
    if (lines.length > 0) await session.say({ log: `${lines.join('\n')}\n` });
    if (event.type === 'succeeded') return event.result;
    if (event.type === 'cancelled')
      throw new ApiError('conflict', `the build was cancelled: ${event.reason}`);
    if (event.type === 'failed') throw new BuildFailed(event.failure);
  }
  throw new ApiError('shutting_down', 'the server stopped during the build');
}

/** A build that was carried out and failed. */
export class BuildFailed extends ApiError {
  readonly shortOf: BuildFailure['shortOf'];

  constructor(failure: BuildFailure) {
    const { code, message, hint, step } = failure;
    const text = step === undefined || message.includes(step) ? message : `${step}: ${message}`;
    super(isErrorCode(code) ? code : 'invalid_dockerfile', text, hint === undefined ? {} : { hint });
    this.shortOf = failure.shortOf;
  }
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorTable, code);
