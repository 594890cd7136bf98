import { globalArgs, proxyArgs } from './build-args.ts';
import type { ArgOptions, ArgValues } from './build-args.ts';
import { parseCheck } from './directive.ts';
import { DockerfileError } from './dockerfile-error.ts';
import type { Dockerfile } from './dockerfile.ts';
import { Expander } from './expander.ts';
import type { StageInstruction } from './instruction.ts';
import { lintDockerfile } from './lint.ts';
import { nearestWord } from './nearest-word.ts';
import type { Platform } from './platform.ts';
import { stageBase } from './stage-base.ts';
import type { StageBase } from './stage-base.ts';
import { stageGraph } from './stage-graph.ts';
import type { StagePlan } from './stage-graph.ts';
import { parseTriggers } from './trigger.ts';
import { unusedBuildArgs } from './unused-build-args.ts';
import { applyCheck } from './warning.ts';
import type { CheckDirective, Warning } from './warning.ts';

export interface PlanOptions {
  /** Name or number of the stage to build; the last one by default. */
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** What the image is for. */
  readonly platform: Platform;
  /** What the build runs on. */
  readonly buildPlatform?: Platform;
  /** Labels of the finished image, beside those of the file. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What must be built for a target; nothing in it depends on the content of any image. */
export interface BuildPlan {
  readonly dockerfile: Dockerfile;
  /** Dependencies first. */
  readonly stages: readonly StagePlan[];
  readonly target: number;
  readonly bases: readonly StageBase[];
  readonly triggers: ReadonlyMap<number, readonly StageInstruction[]>;
  readonly globals: ArgValues;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970 that every time stamp of the image is set to. */
  readonly sourceDateEpoch?: number;
  readonly warnings: readonly Warning[];
  readonly check: CheckDirective;
}

/** Plans a build. Throws DockerfileError for what cannot be built whatever the base images are. */
export function planBuild(dockerfile: Dockerfile, options: PlanOptions): BuildPlan {
  const { platform, buildPlatform = platform, target = '' } = options;
  const buildArgs = new Map(Object.entries(options.buildArgs ?? {}));
  const expander = new Expander();
  const argOptions: ArgOptions = { buildArgs, platform, buildPlatform, target };
  const globals = globalArgs(dockerfile, argOptions, expander);
  const context = { stages: dockerfile.stages, globals, platform, buildPlatform, expander };
  const bases = dockerfile.stages.map((stage) => stageBase(stage, context));
  const input = { stages: dockerfile.stages, bases, triggers: new Map<number, StageInstruction[]>() };
  const targetIndex = findTarget(dockerfile, target);
  const stages = stageGraph(targetIndex, input);
  const epoch = sourceDateEpoch(dockerfile, buildArgs);
  return {
    dockerfile,
    stages,
    target: targetIndex,
    bases,
    triggers: input.triggers,
    globals,
    buildArgs,
    labels: options.labels ?? {},
    ...(epoch === undefined ? {} : { sourceDateEpoch: epoch }),
    ...checkWarnings(dockerfile, argOptions),
  };
}

/** The plan once a stage's base image is known to have ONBUILD triggers; it may need more stages then. */
export function addTriggers(plan: BuildPlan, stage: number, triggers: readonly string[]): BuildPlan {
  const base = plan.bases[stage]?.base;
  const image = base?.kind === 'image' ? base.reference : 'the base';
  const added = new Map([...plan.triggers, [stage, parseTriggers(triggers, image)]]);
  const input = { stages: plan.dockerfile.stages, bases: plan.bases, triggers: added };
  return { ...plan, triggers: added, stages: stageGraph(plan.target, input) };
}

function findTarget({ stages, source }: Dockerfile, target: string): number {
  if (target === '') return stages.length - 1;
  const named = stages.findLast(({ name }) => name === target.toLowerCase());
  if (named) return named.index;
  if (/^\d+$/.test(target) && Number(target) < stages.length) return Number(target);
  const names = stages.flatMap(({ name }) => name ?? []);
  throw new DockerfileError({
    file: source.name,
    line: 1,
    column: 1,
    quote: '',
    reason: `there is no stage ${JSON.stringify(target)} to build`,
    suggestion: nearestWord(target, names),
    hint:
      names.length > 0
        ? `The stages with a name are ${names.join(', ')}.`
        : 'No stage of the file has a name.',
  });
}

function sourceDateEpoch({ source }: Dockerfile, buildArgs: ReadonlyMap<string, string>): number | undefined {
  const text = buildArgs.get('SOURCE_DATE_EPOCH');
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  const reason = `SOURCE_DATE_EPOCH is no number of seconds since 1970: ${text}`;
  throw new DockerfileError({ file: source.name, line: 1, column: 1, quote: '', reason });
}

function checkWarnings(dockerfile: Dockerfile, options: ArgOptions): Pick<BuildPlan, 'warnings' | 'check'> {
  const given = options.buildArgs.get('BUILDKIT_DOCKERFILE_CHECK');
  const check = given === undefined ? dockerfile.directives.check : parseCheck(given);
  const found = [
    ...lintDockerfile(dockerfile, options),
    ...unusedBuildArgs(dockerfile, options.buildArgs, proxyArgs),
  ];
  return { warnings: applyCheck(found, check), check };
}
