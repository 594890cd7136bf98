import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { DockerfileError } from './dockerfile-error.ts';
import { parseDockerfile } from './dockerfile.ts';
import { configFromOci, configToOci, DEFAULT_PATH } from './image-config.ts';
import { addTriggers, planBuild } from './plan.ts';
import type { BuildPlan } from './plan.ts';
import { formatPlatform } from './platform.ts';
import { resolveStage } from './resolve-stage.ts';
import type { StagePlan } from './stage-graph.ts';
import { imageState, scratchState } from './stage-state.ts';
import type { StageState } from './stage-state.ts';
import type { Step } from './step.ts';
import type { Warning } from './warning.ts';

/** Each folder holds a Dockerfile, what a build is asked for, and what must come of it. */
const folder = join(import.meta.dirname, 'case');

const argsSchema = z.strictObject({
  target: z.string().optional(),
  buildArgs: z.record(z.string(), z.string()).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  /** The `config` objects of base images by reference; any other image has an empty one. */
  images: z.record(z.string(), z.unknown()).optional(),
});

type CaseArgs = z.infer<typeof argsSchema>;

const platform = { os: 'linux', architecture: 'amd64' };

test.each(readdirSync(folder))('%s', async (name) => {
  const argsPath = join(folder, name, 'args.json');
  const args = argsSchema.parse(existsSync(argsPath) ? JSON.parse(readFileSync(argsPath, 'utf8')) : {});
  const outcome = outcomeOf(readFileSync(join(folder, name, 'Dockerfile')), args);
  await expect(`${JSON.stringify(outcome, null, 2)}\n`).toMatchFileSnapshot(
    join(folder, name, 'result.json'),
  );
});

test('there are at least 120 cases', () => {
  expect(readdirSync(folder).length).toBeGreaterThanOrEqual(120);
});

function outcomeOf(content: Uint8Array, args: CaseArgs): object {
  try {
    return build(content, args);
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    return { error: error.message.split('\n'), ...(error.hint === undefined ? {} : { hint: error.hint }) };
  }
}

function build(content: Uint8Array, { images = {}, ...rest }: CaseArgs): object {
  const { target, buildArgs, labels } = rest;
  const options = {
    platform,
    ...(target === undefined ? {} : { target }),
    ...(buildArgs ? { buildArgs } : {}),
    ...(labels ? { labels } : {}),
  };
  const plan = withTriggers(planBuild(parseDockerfile(content), options), images);
  const states = new Map<number, StageState>();
  const warnings = [...plan.warnings];
  let { config } = scratchState;
  const stages = plan.stages.map((stage) => {
    const resolved = resolveStage(plan, stage, baseState(stage, states, images));
    states.set(stage.index, resolved.state);
    warnings.push(...resolved.warnings);
    if (stage.index === plan.target) config = resolved.config;
    return { ...describeStage(stage), steps: resolved.steps.flatMap(describeStep) };
  });
  return {
    ...(plan.sourceDateEpoch === undefined ? {} : { sourceDateEpoch: plan.sourceDateEpoch }),
    stages,
    config: configToOci(config),
    ...(warnings.length > 0 ? { warnings: warnings.map(describeWarning) } : {}),
  };
}

function withTriggers(plan: BuildPlan, images: Record<string, unknown>): BuildPlan {
  return plan.stages.reduce((current, { index, base }) => {
    const triggers = base.kind === 'image' ? configFromOci(images[base.reference]).onbuild : [];
    return triggers.length > 0 ? addTriggers(current, index, triggers) : current;
  }, plan);
}

function baseState(
  { base }: StagePlan,
  states: ReadonlyMap<number, StageState>,
  images: Record<string, unknown>,
): StageState {
  if (base.kind === 'scratch') return scratchState;
  if (base.kind === 'image') return imageState(configFromOci(images[base.reference]));
  const state = states.get(base.index);
  if (!state) throw new Error(`stage ${base.index} is not built before the one that needs it`);
  return state;
}

function describeStage(stage: StagePlan): object {
  const { base, dependsOn, images, name, index } = stage;
  const from =
    base.kind === 'image' ? base.reference : base.kind === 'stage' ? `stage ${base.index}` : 'scratch';
  return {
    index,
    ...(name === undefined ? {} : { name }),
    from,
    ...(formatPlatform(stage.platform) === 'linux/amd64' ? {} : { platform: formatPlatform(stage.platform) }),
    ...(dependsOn.length > 0 ? { dependsOn } : {}),
    ...(images.length > 0 ? { images } : {}),
  };
}

/** Leaves out what is at its default, so that a result shows what its case is about. */
function describeStep(step: Step): object[] {
  switch (step.kind) {
    case 'config':
      return [];
    case 'workdir':
      return [{ workdir: step.path }];
    case 'run':
      return [describeRun(step)];
    case 'copy':
    case 'add':
      return [describeTransfer(step)];
  }
}

function describeRun(step: Step & { kind: 'run' }): object {
  const env = step.env
    .map(({ name, value }) => `${name}=${value}`)
    .filter((one) => one !== `PATH=${DEFAULT_PATH}`);
  const { script, mounts, network, security, user, workdir, proxyNames } = step;
  return {
    run: step.argv,
    ...(script ? { script } : {}),
    ...(env.length > 0 ? { env } : {}),
    ...(proxyNames.length > 0 ? { proxyNames } : {}),
    ...(mounts.length > 0 ? { mounts } : {}),
    ...(network === 'default' ? {} : { network }),
    ...(security === 'sandbox' ? {} : { security }),
    ...(user === '' ? {} : { user }),
    ...(workdir === '/' ? {} : { workdir }),
  };
}

function describeTransfer(step: Step & { kind: 'copy' | 'add' }): object {
  const sources = step.sources.map((source) =>
    source.kind === 'path' && isPlain(source) ? source.path : source,
  );
  return {
    [step.kind]: sources,
    ...(step.kind === 'copy' && step.from.kind !== 'context' ? { from: step.from } : {}),
    ...(step.files.length > 0 ? { files: step.files } : {}),
    to: step.destination,
    ...(step.chown === undefined ? {} : { chown: step.chown }),
    ...(step.chmod === undefined ? {} : { chmod: step.chmod }),
    ...(step.isLink ? { isLink: true } : {}),
    ...(step.kind === 'copy' && step.keepsParents ? { keepsParents: true } : {}),
    ...(step.exclude.length > 0 ? { exclude: step.exclude } : {}),
    ...(step.kind === 'add' && step.unpacks !== undefined ? { unpacks: step.unpacks } : {}),
  };
}

const isPlain = ({ isPattern, pivot }: { isPattern: boolean; pivot?: string }): boolean =>
  !isPattern && pivot === undefined;

const describeWarning = ({ line, column, rule, message }: Warning): string =>
  `${line}:${column} ${rule}: ${message}`;
