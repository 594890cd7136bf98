import type { Stage } from './dockerfile.ts';
import { isImageReference } from './image-reference.ts';
import type { StageInstruction } from './instruction.ts';
import type { Platform } from './platform.ts';
import type { FileOrigin, StageBase } from './stage-base.ts';
import { dependenciesOf } from './stage-dependency.ts';
import type { Dependency } from './stage-dependency.ts';

/** A stage that the target needs. */
export interface StagePlan {
  readonly index: number;
  readonly name?: string;
  readonly base: FileOrigin;
  readonly platform: Platform;
  /** Triggers of the base first, then the stage's own. */
  readonly instructions: readonly StageInstruction[];
  /** Stages that must be built before this one, its base among them. */
  readonly dependsOn: readonly number[];
  /** Images other than the base that files are taken from. */
  readonly images: readonly string[];
}

export interface GraphInput {
  readonly stages: readonly Stage[];
  readonly bases: readonly StageBase[];
  /** Triggers of base images, by stage. */
  readonly triggers: ReadonlyMap<number, readonly StageInstruction[]>;
}

/** The stages that the target needs, each after those it depends on. */
export function stageGraph(target: number, input: GraphInput): StagePlan[] {
  const plans = new Map<number, StagePlan>();
  const visit = (index: number, path: readonly number[], cause?: Dependency): void => {
    if (path.includes(index)) throw circular(path.slice(path.indexOf(index)), input, cause);
    if (plans.has(index)) return;
    const { plan, dependencies } = planStage(index, input);
    for (const dependency of dependencies) {
      if (dependency.origin.kind === 'stage') visit(dependency.origin.index, [...path, index], dependency);
    }
    plans.set(index, plan);
  };
  visit(target, []);
  return [...plans.values()];
}

function planStage(index: number, input: GraphInput): { plan: StagePlan; dependencies: Dependency[] } {
  const { stage, base, platform } = stageAt(index, input);
  const instructions = [...triggersOf(index, input), ...stage.instructions];
  const files = dependenciesOf(instructions, input.stages);
  const dependencies = [{ origin: base, place: stage.from, offset: stage.from.image.offset }, ...files];
  const origins = dependencies.map(({ origin }) => origin);
  const plan = {
    index,
    ...(stage.name === undefined ? {} : { name: stage.name }),
    base,
    platform,
    instructions,
    dependsOn: unique(origins.flatMap((origin) => (origin.kind === 'stage' ? [origin.index] : []))),
    images: unique(files.flatMap(({ origin }) => (origin.kind === 'image' ? [origin.reference] : []))),
  };
  return { plan, dependencies };
}

function stageAt(index: number, { stages, bases }: GraphInput): { stage: Stage } & StageBase {
  const [stage, base] = [stages[index], bases[index]];
  if (!stage || !base) throw new Error(`there is no stage ${index}`);
  requireReference(stage, base.base);
  return { stage, ...base };
}

function requireReference({ from }: Stage, base: FileOrigin): void {
  if (base.kind !== 'image' || isImageReference(base.reference)) return;
  const isUpper = /[A-Z]/.test(base.reference) && isImageReference(base.reference.toLowerCase());
  throw from.line.error(from.image.offset, `${JSON.stringify(base.reference)} is not an image reference`, {
    suggestion: isUpper ? base.reference.toLowerCase() : undefined,
  });
}

/** A stage runs the triggers of its base: those of an image, or the ONBUILDs of another stage. */
function triggersOf(index: number, { stages, bases, triggers }: GraphInput): readonly StageInstruction[] {
  const base = bases[index]?.base;
  if (base?.kind !== 'stage') return triggers.get(index) ?? [];
  const inherited = stages[base.index]?.instructions ?? [];
  return inherited.flatMap((instruction) => (instruction.kind === 'onbuild' ? [instruction.triggered] : []));
}

function circular(cycle: readonly number[], { stages }: GraphInput, cause: Dependency | undefined): Error {
  const names = [...cycle, cycle[0] ?? 0].map((index) => stages[index]?.name ?? String(index));
  const reason = `the stages depend on each other in a circle: ${names.join(' → ')}`;
  return cause ? cause.place.line.error(cause.offset, reason) : new Error(reason);
}

const unique = <Item>(items: readonly Item[]): Item[] => [...new Set(items)];
