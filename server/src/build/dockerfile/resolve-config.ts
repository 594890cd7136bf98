import type { CommandForm } from './exec-form.ts';
import type { EnvEntry, Healthcheck } from './image-config.ts';
import type {
  ArgInstruction,
  CommandInstruction,
  EnvInstruction,
  HealthcheckInstruction,
  LabelInstruction,
  ListInstruction,
  TextInstruction,
} from './instruction.ts';
import { canonicalJson } from './cache-key.ts';
import { parsePorts } from './port.ts';
import { isSignal } from './signal.ts';
import { absolutePath, configStep, setEnv, stepHead, variablesOfState, withConfig } from './stage-state.ts';
import type { Resolved, Scope, StageState } from './stage-state.ts';

/** A bound of execve(2): arguments and environment take a quarter of an 8 MiB stack at most. */
const MAX_ENV_CHARS = 2 * 1024 * 1024;

export function resolveArg(
  instruction: ArgInstruction,
  state: StageState,
  { plan, expander }: Scope,
): Resolved {
  const variables = variablesOfState(state);
  const args = new Map(state.args);
  for (const entry of instruction.entries) {
    const name = expander.word(entry.name, variables, instruction);
    const byDefault = entry.value && expander.word(entry.value, variables, instruction);
    const value = plan.buildArgs.get(name) ?? byDefault ?? plan.globals.get(name);
    if (value !== undefined) args.set(name, value);
  }
  return configStep(instruction, { ...state, args });
}

export function resolveEnv(instruction: EnvInstruction, state: StageState, scope: Scope): Resolved {
  const env = setEnv(state.config.env, expandEntries(instruction, state, scope));
  const chars = env.reduce((sum, { name, value }) => sum + name.length + value.length + 2, 0);
  if (chars > MAX_ENV_CHARS) {
    throw instruction.line.error(
      instruction.keyword.offset,
      'the environment is larger than a program can be given',
    );
  }
  return configStep(instruction, withConfig(state, { env }));
}

export function resolveLabel(instruction: LabelInstruction, state: StageState, scope: Scope): Resolved {
  const entries = expandEntries(instruction, state, scope).map(({ name, value }) => [name, value]);
  const labels = { ...state.config.labels, ...(Object.fromEntries(entries) as Record<string, string>) };
  return configStep(instruction, withConfig(state, { labels }));
}

/** All entries of a line see the variables as they were before it. */
function expandEntries(
  instruction: EnvInstruction | LabelInstruction,
  state: StageState,
  { expander }: Scope,
): EnvEntry[] {
  const variables = variablesOfState(state);
  return instruction.entries.map(({ name, value }) => ({
    name: expander.word(name, variables, instruction),
    value: expander.word(value, variables, instruction),
  }));
}

export function resolveText(instruction: TextInstruction, state: StageState, scope: Scope): Resolved {
  if (instruction.kind === 'maintainer') return configStep(instruction, state);
  const value = scope.expander.word(instruction.value, variablesOfState(state), instruction);
  switch (instruction.kind) {
    case 'user':
      return configStep(instruction, withConfig(state, { user: value }));
    case 'stopsignal':
      return resolveStopSignal(value, instruction, state);
    case 'workdir':
      return resolveWorkdir(value, instruction, state);
  }
}

function resolveStopSignal(stopSignal: string, instruction: TextInstruction, state: StageState): Resolved {
  if (isSignal(stopSignal)) return configStep(instruction, withConfig(state, { stopSignal }));
  throw instruction.line.error(instruction.value.offset, `no signal is called ${JSON.stringify(stopSignal)}`);
}

function resolveWorkdir(path: string, instruction: TextInstruction, state: StageState): Resolved {
  const workdir = absolutePath(path, state).replace(/(?<=.)\/$/, '');
  const next = withConfig(state, { workdir });
  const cacheKey = canonicalJson({ kind: 'workdir', path: workdir });
  return { step: { kind: 'workdir', ...stepHead(instruction, next), path: workdir, cacheKey }, state: next };
}

export function resolveList(instruction: ListInstruction, state: StageState, scope: Scope): Resolved {
  const variables = variablesOfState(state);
  if (instruction.kind === 'volume') {
    const paths = instruction.values.map((word) => scope.expander.word(word, variables, instruction));
    return configStep(instruction, withConfig(state, { volumes: union(state.config.volumes, paths) }));
  }
  const ports = instruction.values.flatMap((word) =>
    scope.expander.words(word, variables, instruction).flatMap((port) => parsePorts(port, word, instruction)),
  );
  return configStep(
    instruction,
    withConfig(state, { exposedPorts: union(state.config.exposedPorts, ports) }),
  );
}

const union = (old: readonly string[], added: readonly string[]): string[] => [
  ...new Set([...old, ...added]),
];

/** An ENTRYPOINT drops the CMD that came with the base. */
export function resolveCommand(instruction: CommandInstruction, state: StageState): Resolved {
  const args = commandArgs(instruction.command, state);
  if (instruction.kind === 'cmd') {
    return configStep(instruction, { ...withConfig(state, { cmd: args }), isCmdSet: true });
  }
  const { cmd, ...config } = state.config;
  const kept = state.isCmdSet && cmd ? { cmd } : {};
  return configStep(instruction, { ...state, config: { ...config, ...kept, entrypoint: args } });
}

function commandArgs(command: CommandForm, { config }: StageState): readonly string[] {
  if (command.form === 'exec') return command.args;
  return command.text === '' ? [] : [...(config.shell ?? ['/bin/sh', '-c']), command.text];
}

export function resolveHealthcheck(instruction: HealthcheckInstruction, state: StageState): Resolved {
  const healthcheck: Healthcheck = { test: healthTest(instruction.command), ...instruction.timing };
  return configStep(instruction, withConfig(state, { healthcheck }));
}

function healthTest(command: CommandForm | undefined): readonly string[] {
  if (!command) return ['NONE'];
  return command.form === 'exec' ? ['CMD', ...command.args] : ['CMD-SHELL', command.text];
}
