import { Command, Option } from 'commander';
import type { Context } from './context.ts';
import { globalOptions } from './global-option.ts';
import type { ArgumentSpec, OptionSpec } from './parameter.ts';

type Specs = Record<string, ArgumentSpec<unknown>>;
type Options = Record<string, OptionSpec<unknown>>;

/** What a command gets to work with. */
export interface Invocation<A extends Specs, O extends Options> {
  args: { [K in keyof A]: ReturnType<A[K]['read']> };
  options: { [K in keyof O]: ReturnType<O[K]['read']> };
  context: Context;
}

/** One verb: its line of help, its arguments and options as data, and what it does. */
export interface CommandSpec<A extends Specs = Specs, O extends Options = Options> {
  name: string;
  aliases?: string[];
  summary: string;
  /** Lines of shell, without the program's name. */
  examples?: string[];
  args: A;
  options: O;
  /** The rest of the line belongs to another program: its options are not ours. */
  wrapsCommand?: boolean;
  /** Its line is read by what it calls, options and `--help` included. */
  isRaw?: boolean;
  /** Said when it fails, e.g. `create sandbox` gives `failed to create sandbox: …`. */
  failure: string;
  /** The exit code where it is not 0. */
  run(invocation: Invocation<A, O>): Promise<number | void>;
}

/** A command with its types forgotten, ready to be put into a tree. */
export interface AnyCommand {
  build(runner: Runner): Command;
}

/** Runs a command's work; the program decides about errors and exit codes. */
export type Runner = (flags: Record<string, unknown>, failure: string, work: Work) => Promise<void>;
type Work = (context: Context) => Promise<number | void>;

/** States a command. */
export function command<A extends Specs, O extends Options>(spec: CommandSpec<A, O>): AnyCommand {
  return { build: (runner) => build(spec, runner) };
}

/** A command that only holds others. Its own `run`, where it has one, comes from `self`. */
export function group(spec: {
  name: string;
  aliases?: string[];
  summary: string;
  commands: readonly AnyCommand[];
  self?: AnyCommand;
}): AnyCommand {
  return {
    build: (runner) => {
      const made = spec.self?.build(runner) ?? withGlobalOptions(new Command(spec.name));
      made.description(spec.summary).aliases(spec.aliases ?? []);
      made.enablePositionalOptions();
      for (const child of spec.commands) made.addCommand(child.build(runner));
      return made;
    },
  };
}

const usageOf = {
  required: (label: string) => `<${label}>`,
  optional: (label: string) => `[${label}]`,
  rest: (label: string) => `<${label}...>`,
  anything: (label: string) => `[${label}...]`,
};

function build<A extends Specs, O extends Options>(spec: CommandSpec<A, O>, runner: Runner): Command {
  const made = new Command(spec.name).description(spec.summary).aliases(spec.aliases ?? []);
  for (const { kind, label, summary } of Object.values(spec.args)) {
    made.argument(usageOf[kind](label), summary);
  }
  const own = ownOptions(spec.options);
  for (const { option } of own.values()) made.addOption(option);
  if (spec.isRaw) made.helpOption(false).allowUnknownOption().allowExcessArguments();
  else withGlobalOptions(made);
  if (spec.wrapsCommand) made.passThroughOptions();
  if (spec.examples)
    made.addHelpText('after', ({ command: at }) => examplesOf(spec.examples ?? [], programOf(at)));
  return made.action(async () => {
    const parsed = spec.wrapsCommand ? reparse(made) : { args: made.args, values: made.opts() };
    const args = readArguments(spec, parsed.args, made);
    const options = readOptions(own, parsed.values);
    const flags = { ...made.optsWithGlobals(), ...definedOf(parsed.values) };
    // The values were read by the specs that `A` and `O` are the types of.
    const invocation = { args, options } as unknown as Omit<Invocation<A, O>, 'context'>;
    await runner(flags, spec.failure, (context) => spec.run({ ...invocation, context }));
  });
}

/** `exec ID -w /x ls -l`: options may also stand between the first argument and the command. */
function reparse(made: Command): { args: string[]; values: Record<string, unknown> } {
  const leading = made.registeredArguments.filter((argument) => !argument.variadic).length;
  const [first, wrapped] = [made.args.slice(0, leading), made.args.slice(leading)];
  const inner = new Command(made.name()).passThroughOptions().allowExcessArguments().helpOption(false);
  inner.exitOverride().configureOutput(made.configureOutput());
  for (const option of made.options) inner.addOption(option);
  for (const [name, before] of Object.entries(made.opts()))
    inner.setOptionValueWithSource(name, before, 'config');
  inner.parse(leading === 0 ? ['--', ...wrapped] : wrapped, { from: 'user' });
  return { args: [...first, ...inner.args], values: inner.opts() };
}

function readArguments(spec: CommandSpec, given: readonly string[], made: Command): Record<string, unknown> {
  const labels = Object.entries(spec.args);
  return Object.fromEntries(
    labels.map(([name, argument], at) => {
      if (argument.kind !== 'rest' && argument.kind !== 'anything') return [name, argument.read(given[at])];
      const values = given.slice(at);
      if (values.length === 0 && argument.kind === 'rest')
        made.error(`error: missing required argument '${argument.label}'`);
      return [name, argument.read(values)];
    }),
  );
}

const ownOptions = (specs: Options) =>
  new Map(Object.entries(specs).map(([name, spec]) => [name, { spec, option: spec.make() }]));

const readOptions = (own: ReturnType<typeof ownOptions>, values: Record<string, unknown>) =>
  Object.fromEntries(
    [...own].map(([name, { spec, option }]) => [name, spec.read(values[option.attributeName()])]),
  );

const definedOf = (values: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(values).filter(([, found]) => found !== undefined));

const globalGroup = 'Global options:';

/** Global options may stand anywhere on the line; a command's own option of the same name wins. */
export function withGlobalOptions(made: Command): Command {
  made.addHelpOption(new Option('-h, --help', 'show this help').helpGroup(globalGroup));
  const taken = new Set(made.options.flatMap((option) => [option.long, option.short]));
  for (const spec of Object.values(globalOptions)) {
    const option = spec.make().helpGroup(globalGroup);
    if (!taken.has(option.long)) made.addOption(option);
  }
  return made;
}

function programOf(made: Command): string {
  return made.parent === null ? made.name() : programOf(made.parent);
}

const examplesOf = (examples: readonly string[], program: string) =>
  `\nExamples:\n${examples.map((example) => `  $ ${program} ${example}`).join('\n')}`;
