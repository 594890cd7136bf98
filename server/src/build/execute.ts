import { ApiError } from '@atoll/protocol';
import type { BuildResult } from '@atoll/protocol';
import type { ImageStore } from '../image/image-store.ts';
import { isMachine, machineArchitecture } from '../image/platform.ts';
import type { DockerConfig } from '../image/remote/registry-credentials.ts';
import type { LayerTool } from '../image/layer-tool.ts';
import { buildHolder, findBaseImage } from './base-image.ts';
import type { BaseImage } from './base-image.ts';
import type { Builder } from './builder.ts';
import type { BuildReport } from './build-report.ts';
import type { DebugState } from './build-store.ts';
import type { CacheMounts } from './cache-mount.ts';
import { parseDockerfile } from './dockerfile/dockerfile.ts';
import { imageConfigOf } from './finish-image.ts';
import { formatPlatform, parsePlatform } from './dockerfile/platform.ts';
import { addTriggers, planBuild } from './dockerfile/plan.ts';
import type { BuildPlan } from './dockerfile/plan.ts';
import { resolveStage } from './dockerfile/resolve-stage.ts';
import type { ResolvedStage } from './dockerfile/resolve-stage.ts';
import type { StagePlan } from './dockerfile/stage-graph.ts';
import { imageState, scratchState } from './dockerfile/stage-state.ts';
import type { Step } from './dockerfile/step.ts';
import { createCheckouts } from './checkout.ts';
import { createDownloads } from './download.ts';
import { createOrigins } from './origin.ts';
import { registerResult } from './finish-image.ts';
import type { Naming } from './finish-image.ts';
import { sandboxApiNotice, withSandboxApi } from './sandbox-api.ts';
import type { SshLending } from './ssh-lending.ts';
import type { StageFiles } from './stage-files.ts';
import { runStage, scratchStart, startOf } from './stage-runner.ts';
import type { StageStart } from './stage-runner.ts';
import type { StepCache } from './step-cache.ts';
import type { StepContext } from './step-context.ts';
import type { Workplace } from './workplace.ts';

/** What the build is given, beside its context. */
export interface BuildInput {
  buildId: string;
  workspaceId: string;
  dockerfile: string;
  dockerfileName: string;
  target?: string;
  buildArgs: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  platform?: string;
  secrets: ReadonlyMap<string, Buffer>;
  lending: SshLending;
  sshKnownHosts?: string;
  dockerConfig?: DockerConfig;
  noCache: boolean;
  /** The image needs the program that serves the Blaxel sandbox API inside. */
  needsSandboxApi?: boolean;
  cpus: number;
  memoryMb: number;
  naming: Naming;
}

export interface ExecuteOptions {
  images: ImageStore;
  builder: Builder;
  tool: LayerTool;
  cache: StepCache;
  cacheMounts: CacheMounts;
  now: () => number;
}

export interface Execution {
  input: BuildInput;
  workplace: Workplace;
  report: BuildReport;
  signal: AbortSignal;
  /** Told the state before the step that failed, as soon as one has. */
  onFailure: (debug: DebugState) => void;
}

interface BuiltStage {
  resolved: ResolvedStage;
  end: StageStart;
}

/** Builds the target of a Dockerfile and registers the image. What it uses is held until it ends. */
export async function execute(options: ExecuteOptions, execution: Execution): Promise<BuildResult> {
  const { input, signal } = execution;
  const { workshop } = options.images;
  // Independent stages end together: one that fails takes the others with it.
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const stages = new StageBoard(options, { ...execution, signal: either });
  try {
    const plan = await stages.plan();
    const target = await stages.build(plan).catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
    execution.report.message('exporting the image');
    const config = imageConfigOf(target.resolved.config, target.end, plan);
    const digest = await workshop.addImage(input.buildId, { layers: target.end.files.layers, config });
    signal.throwIfAborted();
    const { name, isPublic } = input.naming;
    if (name && isPublic)
      execution.report.message(`${name.shown} and all tags of ${name.repository} are public from now on`);
    return registerResult(workshop, input.naming, digest, stages.baseName(plan));
  } catch (error) {
    failed.abort(error);
    await stages.settled();
    if (!signal.aborted) await stages.keepFailure();
    throw error;
  } finally {
    workshop.endLease(input.buildId);
    workshop.dropReferences(buildHolder(input.buildId));
  }
}

class StageBoard {
  readonly #options: ExecuteOptions;
  readonly #execution: Execution;
  readonly #images = new Map<string, Promise<BaseImage>>();
  readonly #built = new Map<number, Promise<BuiltStage>>();
  #failing: { step: Step; before: StageFiles } | undefined;

  constructor(options: ExecuteOptions, execution: Execution) {
    this.#options = options;
    this.#execution = execution;
  }

  /** Plans, fetches the base images, and plans again for what their triggers add. */
  async plan(): Promise<BuildPlan> {
    const { input, report } = this.#execution;
    const dockerfile = parseDockerfile(this.#dockerfile(), input.dockerfileName);
    const machine = { os: 'linux', architecture: machineArchitecture };
    const platform = input.platform === undefined ? machine : parsePlatform(input.platform, machine);
    if (platform === undefined)
      throw new ApiError('invalid_request', `no platform is called ${input.platform}`);
    const { target, buildArgs, labels } = input;
    let plan = planBuild(dockerfile, {
      ...(target !== undefined && { target }),
      buildArgs,
      labels,
      platform,
    });
    report.warn(plan.warnings);
    for (;;) {
      const next = await this.#withTriggers(plan);
      if (next === plan) return plan;
      plan = next;
    }
  }

  #dockerfile(): string {
    const { input, report } = this.#execution;
    const added = input.needsSandboxApi ? withSandboxApi(input.dockerfile) : undefined;
    if (added !== undefined) report.message(sandboxApiNotice);
    return added ?? input.dockerfile;
  }

  async #withTriggers(plan: BuildPlan): Promise<BuildPlan> {
    for (const { platform } of plan.stages) requireMachine(platform);
    const bases = await Promise.all(
      plan.stages.map(async ({ base, index }) => ({
        index,
        triggers: base.kind === 'image' ? (await this.#image(base.reference)).config.onbuild : [],
      })),
    );
    const added = bases.find(({ index, triggers }) => triggers.length > 0 && !plan.triggers.has(index));
    return added ? addTriggers(plan, added.index, added.triggers) : plan;
  }

  async build(plan: BuildPlan): Promise<BuiltStage> {
    const { workplace, input, signal } = this.#execution;
    const { images, tool, builder, cacheMounts } = this.#options;
    const { workshop } = images;
    const image = (reference: string) => this.#image(reference);
    const fetching = { ...input, workshop, workplace, builder, image, signal };
    const origins = createOrigins({
      images,
      workplace,
      stage: async (index) => (await this.#stage(index)).end.files,
      image,
      signal,
    });
    const context: StepContext = {
      workshop,
      tool,
      builder,
      workplace,
      origins,
      downloads: createDownloads(fetching),
      checkouts: createCheckouts(fetching),
      cacheMounts,
      workspaceId: input.workspaceId,
      secrets: input.secrets,
      lending: input.lending,
      cpus: input.cpus,
      memoryMb: input.memoryMb,
      ...(plan.sourceDateEpoch !== undefined && { sourceDateEpoch: plan.sourceDateEpoch }),
      signal,
    };
    for (const stage of plan.stages) {
      // Rejections reach who waits for the stage; nobody may wait yet.
      const built = this.#buildStage(plan, stage, context);
      built.catch(() => {});
      this.#built.set(stage.index, built);
    }
    await Promise.all(this.#built.values());
    return this.#stage(plan.target);
  }

  /** Nothing of the build goes on after this. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#images.values(), ...this.#built.values()]);
  }

  /** Keeps the state before the step that failed as an image. */
  async keepFailure(): Promise<void> {
    const failing = this.#failing;
    if (failing === undefined) return;
    const { workshop } = this.#options.images;
    const { input, onFailure } = this.#execution;
    const { step, before } = failing;
    const start = { ...scratchStart, files: before };
    const config = imageConfigOf(step.config, start, { platform: undefined });
    const digest = await workshop.addImage(input.buildId, { layers: before.layers, config });
    const imageId = workshop.registerUnnamed(input.workspaceId, { base: 'a build that failed' }, digest);
    onFailure({ imageId, ...processOf(step) });
  }

  /** What the target's image was made from, for people. */
  baseName(plan: BuildPlan): string {
    let index = plan.target;
    for (;;) {
      const base = plan.stages.find((stage) => stage.index === index)?.base;
      if (base?.kind === 'image') return base.reference;
      if (base?.kind !== 'stage') return 'scratch';
      index = base.index;
    }
  }

  #stage(index: number): Promise<BuiltStage> {
    const built = this.#built.get(index);
    if (built) return built;
    throw new Error(`stage ${index} is not part of the plan`);
  }

  #image(reference: string): Promise<BaseImage> {
    const known = this.#images.get(reference);
    if (known) return known;
    const { input, signal, report } = this.#execution;
    const found = findBaseImage(
      {
        images: this.#options.images,
        workspaceId: input.workspaceId,
        buildId: input.buildId,
        ...(input.dockerConfig && { dockerConfig: input.dockerConfig }),
        signal,
        onMessage: report.message,
      },
      reference,
    );
    this.#images.set(reference, found);
    return found;
  }

  async #buildStage(plan: BuildPlan, stage: StagePlan, context: StepContext): Promise<BuiltStage> {
    const { report } = this.#execution;
    const base = stage.base;
    const from = base.kind === 'image' ? await this.#image(base.reference) : undefined;
    const parent = base.kind === 'stage' ? await this.#stage(base.index) : undefined;
    const state = parent?.resolved.state ?? (from ? imageState(from.config) : scratchState);
    const resolved = resolveStage(plan, stage, state);
    report.warn(resolved.warnings);
    const layerSteps = resolved.steps.filter(({ kind }) => kind !== 'config').length;
    const name = stage.name ?? `stage-${stage.index}`;
    const log = report.stage(name, plan.stages.length === 1, layerSteps + 1);
    log.from(`FROM ${textOf(plan, stage)}`).end('done');
    const start = parent?.end ?? (from ? startOf(from) : scratchStart);
    const run = {
      context,
      cache: this.#options.cache,
      leaseId: this.#execution.input.buildId,
      noCache: this.#execution.input.noCache,
      log,
      now: this.#options.now,
    };
    let current: { step: Step; before: StageFiles } | undefined;
    const end = await runStage(
      { ...run, onStep: (step, before) => (current = { step, before }) },
      resolved,
      start,
    ).catch((error: unknown) => {
      if (!context.signal.aborted) this.#failing ??= current;
      throw error;
    });
    return { resolved, end };
  }
}

/** Where FROM is another stage or an image, in the words of the file. */
function textOf({ dockerfile }: BuildPlan, { index, base }: StagePlan): string {
  if (base.kind === 'image') return base.reference;
  if (base.kind === 'scratch') return 'scratch';
  return dockerfile.stages[base.index]?.name ?? `stage-${index}`;
}

function requireMachine(platform: { os: string; architecture: string; variant?: string }): void {
  if (isMachine(platform)) return;
  throw new ApiError(
    'unsupported',
    `a stage is for ${formatPlatform(platform)}, this machine is linux/${machineArchitecture}`,
    { hint: 'Leave --platform out, or build on a machine of that kind.' },
  );
}

function processOf(step: Step): Omit<DebugState, 'imageId'> {
  const { user, workdir, env } = step.config;
  return {
    command: step.kind === 'run' ? step.argv : [],
    user: user === '' ? 'root' : user,
    workingDir: workdir,
    // Build arguments stay out: they may be confidential.
    env: Object.fromEntries(env.map(({ name, value }) => [name, value])),
  };
}
