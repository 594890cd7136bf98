import { DockerfileError } from './dockerfile-error.ts';
import type { Position, SourceFile } from './source-file.ts';
import { withoutLineEnd } from './source-file.ts';

/** Rules that a Dockerfile may break and still build. Names of Docker's rules are Docker's. */
export const lintRules = {
  ConsistentInstructionCasing:
    'All commands of a Dockerfile should use the same casing (either upper or lower)',
  DuplicateStageName: 'Stage names should be unique',
  ExposeInvalidFormat: 'IP address and host-port mapping should not be used in EXPOSE',
  ExposeProtoCasing: 'The protocol in EXPOSE should be lower case',
  FromAsCasing: "The casing of 'as' should match that of 'FROM'",
  FromPlatformFlagConstDisallowed: 'FROM --platform should not be a constant',
  InvalidDefaultArgInFrom: 'The defaults of global ARGs should give a valid base image',
  JSONArgsRecommended: 'JSON arguments are recommended for ENTRYPOINT and CMD',
  LegacyKeyValueFormat: 'The form with white space between name and value should not be used',
  MaintainerDeprecated: 'MAINTAINER is deprecated, use a label instead',
  MultipleInstructionsDisallowed: 'Only the last of several has an effect in a stage',
  NoEffectOnSandboxes: 'Instructions that running sandboxes do not look at',
  NoEmptyContinuation: 'Empty continuation lines will become errors in a future release',
  RedundantTargetPlatform: 'FROM --platform=$TARGETPLATFORM is what happens anyway',
  ReservedStageName: "'context' and 'scratch' should not be used as stage names",
  SecretsUsedInArgOrEnv: 'Sensitive data should not be in ARG or ENV',
  StageNameCasing: 'Stage names should be lower case',
  UndefinedArgInFrom: 'FROM should use declared ARGs only',
  UndefinedVar: 'Variables should be defined before their use',
  UnusedBuildArg: 'Build arguments should be declared by an ARG',
  WorkdirRelativePath: 'Relative workdirs depend on the base image',
} as const;

export type LintRule = keyof typeof lintRules;

export interface Warning {
  readonly rule: LintRule;
  readonly message: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The line it is about; empty where it is about the whole build. */
  readonly quote: string;
}

export interface Finding {
  readonly rule: LintRule;
  readonly message: string;
  readonly position: Position;
}

export const toWarning = (source: SourceFile, { rule, message, position }: Finding): Warning => ({
  rule,
  message,
  file: source.name,
  ...position,
  quote: withoutLineEnd(source.lines[position.line - 1] ?? ''),
});

/** What the file says about its own lint: rules not to hear of, and whether the others are errors. */
export interface CheckDirective {
  /** Names of lint rules, or `all`. */
  readonly skip: readonly string[];
  readonly isError: boolean;
}

/** Rules that are about this platform or this call, not about the file. */
const neverErrors: readonly LintRule[] = ['NoEffectOnSandboxes', 'UnusedBuildArg'];

/** Leaves out what `# check=skip=` names; with `error=true` the first of the rest is thrown. */
export function applyCheck(warnings: readonly Warning[], check: CheckDirective): readonly Warning[] {
  const skipped = new Set(check.skip.map((rule) => rule.toLowerCase()));
  if (skipped.has('all')) return [];
  const kept = warnings.filter(({ rule }) => !skipped.has(rule.toLowerCase()));
  const worst = check.isError && kept.find(({ rule }) => !neverErrors.includes(rule));
  if (!worst) return kept;
  const { rule, message, ...place } = worst;
  const hint = 'The file asks for errors with # check=error=true.';
  throw new DockerfileError({ ...place, reason: `${rule}: ${message}`, hint });
}
