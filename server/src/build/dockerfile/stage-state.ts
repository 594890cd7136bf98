import { posix } from 'node:path';
import type { BuildPlan } from './plan.ts';
import type { Expander, Variables } from './expander.ts';
import { scratchConfig } from './image-config.ts';
import type { EnvEntry, ImageConfig } from './image-config.ts';
import type { Place, StageInstruction } from './instruction.ts';
import type { StagePlan } from './stage-graph.ts';
import type { Step } from './step.ts';

/** What a stage hands from one instruction to the next, and to the stages built on it. */
export interface StageState {
  readonly config: ImageConfig;
  /** Values of the ARGs declared so far. */
  readonly args: ReadonlyMap<string, string>;
  /** Whether this file has set CMD, which then outlives an ENTRYPOINT. */
  readonly isCmdSet: boolean;
}

/** What resolving an instruction may look at. */
export interface Scope {
  readonly plan: BuildPlan;
  readonly stage: StagePlan;
  readonly expander: Expander;
}

export interface Resolved {
  readonly step: Step;
  readonly state: StageState;
}

export const scratchState: StageState = { config: scratchConfig, args: new Map(), isCmdSet: false };

/** The state that a base image with this config gives. */
export const imageState = (config: ImageConfig): StageState => ({ config, args: new Map(), isCmdSet: false });

/** The variables that instructions may use: ENV comes before ARG, whichever was last. */
export function variablesOfState({ config, args }: StageState): Variables {
  const env = new Map(config.env.map(({ name, value }) => [name, value]));
  return {
    lookup: (name) => env.get(name) ?? args.get(name),
    names: () => [...env.keys(), ...args.keys()],
  };
}

/** Replaces values where they stand and appends new names. */
export function setEnv(env: readonly EnvEntry[], entries: readonly EnvEntry[]): EnvEntry[] {
  return [...new Map([...env, ...entries].map((entry) => [entry.name, entry])).values()];
}

export const withConfig = (state: StageState, change: Partial<ImageConfig>): StageState => ({
  ...state,
  config: { ...state.config, ...change },
});

/** Resolves a path inside the image against the working directory; a trailing `/` stays. */
export function absolutePath(path: string, { config }: StageState): string {
  const isDirectory = path === '' || path === '.' || path.endsWith('/') || path.endsWith('/.');
  const absolute = posix.resolve('/', config.workdir, path);
  return isDirectory && absolute !== '/' ? `${absolute}/` : absolute;
}

/** The fields that every step shares. */
export function stepHead(
  instruction: Place & { readonly kind: StageInstruction['kind'] },
  state: StageState,
): Pick<Step, 'text' | 'file' | 'range' | 'instruction' | 'createdBy' | 'config'> {
  const { text, line, range, kind } = instruction;
  return { text, file: line.source.name, range, instruction: kind, createdBy: text, config: state.config };
}

/** An instruction that changes the config alone. */
export const configStep = (instruction: StageInstruction, state: StageState): Resolved => ({
  step: { kind: 'config', ...stepHead(instruction, state) },
  state,
});
