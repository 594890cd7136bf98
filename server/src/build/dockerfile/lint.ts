import type { ArgOptions } from './build-args.ts';
import { commandOf, isCommandName } from './command.ts';
import type { Dockerfile } from './dockerfile.ts';
import { findingAt, instructionsOf } from './finding.ts';
import { duplicateStageNames, fromAsCasing, reservedStageNames, stageNameCasing } from './lint-stage-name.ts';
import { constantPlatforms, invalidDefaults, redundantPlatforms, undeclaredArgs } from './lint-from.ts';
import { exposeFormat, exposeProtocolCasing, legacyFormat, secretNames } from './lint-argument.ts';
import { jsonArgs, relativeWorkdirs, repeatedInstructions } from './lint-stage.ts';
import { toWarning } from './warning.ts';
import type { Finding, Warning } from './warning.ts';

/** A lint rule: what it looks at, and what it finds. */
type Check = (dockerfile: Dockerfile, options: ArgOptions) => readonly Finding[];

const checks: readonly Check[] = [
  emptyContinuations,
  instructionCasing,
  stageNameCasing,
  fromAsCasing,
  duplicateStageNames,
  reservedStageNames,
  undeclaredArgs,
  invalidDefaults,
  redundantPlatforms,
  constantPlatforms,
  maintainers,
  legacyFormat,
  secretNames,
  exposeFormat,
  exposeProtocolCasing,
  jsonArgs,
  repeatedInstructions,
  relativeWorkdirs,
  withoutEffect,
];

/** More of them would help nobody. */
const MAX_WARNINGS = 500;

/** Checks a file against every rule, in the order of its lines. */
export function lintDockerfile(dockerfile: Dockerfile, options: ArgOptions): Warning[] {
  return checks
    .flatMap((check) => check(dockerfile, options))
    .toSorted((a, b) => a.position.line - b.position.line || a.position.column - b.position.column)
    .slice(0, MAX_WARNINGS)
    .map((finding) => toWarning(dockerfile.source, finding));
}

function emptyContinuations({ emptyContinuations: positions }: Dockerfile): Finding[] {
  return positions.map((position) => ({
    rule: 'NoEmptyContinuation',
    message: 'Empty continuation line',
    position,
  }));
}

function maintainers(dockerfile: Dockerfile): Finding[] {
  const message = 'Maintainer instruction is deprecated in favor of using label';
  return instructionsOf(dockerfile)
    .filter(({ kind }) => kind === 'maintainer')
    .map((instruction) => findingAt('MaintainerDeprecated', message, instruction));
}

/** The casing that most keywords have is the file's; mixed case is always wrong. */
function instructionCasing(dockerfile: Dockerfile): Finding[] {
  const instructions = instructionsOf(dockerfile);
  const keywords = instructions.map(({ keyword }) => keyword.text);
  const lower = keywords.filter((text) => text === text.toLowerCase()).length;
  const upper = keywords.filter((text) => text === text.toUpperCase()).length;
  const casing = lower > upper ? 'lowercase' : 'uppercase';
  const inCasing = (text: string): string =>
    casing === 'lowercase' ? text.toLowerCase() : text.toUpperCase();
  return instructions
    .filter(({ keyword }) => keyword.text !== inCasing(keyword.text))
    .map((one) => findingAt('ConsistentInstructionCasing', casingMessage(one.keyword.text, casing), one));
}

const casingMessage = (keyword: string, casing: string): string =>
  `Command '${keyword}' should match the case of the command majority (${casing})`;

/** Once for each instruction of the language, where it stands first. */
function withoutEffect(dockerfile: Dockerfile): Finding[] {
  const found = new Map<string, Finding>();
  for (const instruction of instructionsOf(dockerfile)) {
    const name = instruction.keyword.text.toUpperCase();
    if (!isCommandName(name) || !commandOf(name).isWithoutEffect || found.has(name)) continue;
    const message = `Dockerfile instruction '${name}' is applied during the image build but has no effect when running sandboxes from this image.`;
    found.set(name, findingAt('NoEffectOnSandboxes', message, instruction));
  }
  return [...found.values()];
}
