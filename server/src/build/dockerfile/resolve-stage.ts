import { Expander } from './expander.ts';
import type { ImageConfig } from './image-config.ts';
import type { StageInstruction } from './instruction.ts';
import type { BuildPlan } from './plan.ts';
import {
  resolveArg,
  resolveCommand,
  resolveEnv,
  resolveHealthcheck,
  resolveLabel,
  resolveList,
  resolveText,
} from './resolve-config.ts';
import { resolveRun } from './resolve-run.ts';
import { resolveAdd, resolveCopy } from './resolve-transfer.ts';
import type { StagePlan } from './stage-graph.ts';
import { configStep, withConfig } from './stage-state.ts';
import type { Resolved, Scope, StageState } from './stage-state.ts';
import type { Step } from './step.ts';
import { applyCheck, toWarning } from './warning.ts';
import type { Warning } from './warning.ts';

export interface ResolvedStage {
  readonly steps: readonly Step[];
  /** What stages built on this one start with. */
  readonly state: StageState;
  /** The config of the stage's image; the target's has the build's labels. */
  readonly config: ImageConfig;
  /** What only the base's environment could tell. */
  readonly warnings: readonly Warning[];
}

/** Turns a stage into concrete steps, now that the config it starts from is known. */
export function resolveStage(plan: BuildPlan, stage: StagePlan, base: StageState): ResolvedStage {
  requireTriggers(plan, stage, base);
  const expander = new Expander();
  const scope = { plan, stage, expander };
  const steps: Step[] = [];
  let state = withConfig(base, { onbuild: [] });
  const warnings: Warning[] = [];
  for (const instruction of stage.instructions) {
    expander.spend(costOf(instruction, state), instruction);
    const resolved = resolveInstruction(instruction, state, scope);
    steps.push(resolved.step);
    state = resolved.state;
    warnings.push(
      ...expander.findings.splice(0).map((finding) => toWarning(instruction.line.source, finding)),
    );
  }
  return {
    steps,
    state,
    config: labelled(plan, stage, state),
    warnings: applyCheck(warnings, plan.check),
  };
}

/** Copying an entry of a list costs about as much as expanding this many characters. */
const ENTRY_COST = 32;

/** What an instruction has to copy of what was set before it. */
function costOf({ kind }: StageInstruction, { config, args }: StageState): number {
  const { env, exposedPorts, volumes, labels } = config;
  if (kind === 'expose') return ENTRY_COST * (env.length + exposedPorts.length);
  if (kind === 'volume') return ENTRY_COST * (env.length + volumes.length);
  if (kind === 'label') return ENTRY_COST * (env.length + Object.keys(labels).length);
  if (kind === 'arg' || kind === 'run') return ENTRY_COST * (env.length + args.size);
  return ENTRY_COST * env.length;
}

function labelled(plan: BuildPlan, stage: StagePlan, { config }: StageState): ImageConfig {
  if (stage.index !== plan.target) return config;
  return { ...config, labels: { ...config.labels, ...plan.labels } };
}

/** Forgotten triggers would build a wrong image without a word. */
function requireTriggers(plan: BuildPlan, stage: StagePlan, { config }: StageState): void {
  if (stage.base.kind !== 'image' || config.onbuild.length === 0 || plan.triggers.has(stage.index)) return;
  throw new Error(`stage ${stage.index} has an image with triggers, which addTriggers must add to the plan`);
}

function resolveInstruction(instruction: StageInstruction, state: StageState, scope: Scope): Resolved {
  switch (instruction.kind) {
    case 'run':
      return resolveRun(instruction, state, scope);
    case 'copy':
      return resolveCopy(instruction, state, scope);
    case 'add':
      return resolveAdd(instruction, state, scope);
    case 'arg':
      return resolveArg(instruction, state, scope);
    case 'env':
      return resolveEnv(instruction, state, scope);
    case 'label':
      return resolveLabel(instruction, state, scope);
    case 'user':
    case 'workdir':
    case 'stopsignal':
    case 'maintainer':
      return resolveText(instruction, state, scope);
    case 'expose':
    case 'volume':
      return resolveList(instruction, state, scope);
    case 'cmd':
    case 'entrypoint':
      return resolveCommand(instruction, state);
    case 'shell':
      return configStep(instruction, withConfig(state, { shell: instruction.args }));
    case 'healthcheck':
      return resolveHealthcheck(instruction, state);
    case 'onbuild':
      return configStep(
        instruction,
        withConfig(state, { onbuild: [...state.config.onbuild, instruction.trigger] }),
      );
  }
}
