import { canonicalJson } from './cache-key.ts';
import { proxyArgs } from './build-args.ts';
import { heredocText, parseHeredocMark } from './heredoc.ts';
import { DEFAULT_PATH } from './image-config.ts';
import type { EnvEntry } from './image-config.ts';
import type { RunInstruction } from './instruction.ts';
import { resolveMount } from './mount.ts';
import type { Mount } from './mount.ts';
import { stepHead } from './stage-state.ts';
import type { Resolved, Scope, StageState } from './stage-state.ts';
import type { RunStep } from './step.ts';

const DEFAULT_SHELL = ['/bin/sh', '-c'];
/** Where a heredoc with a `#!` line is run from. */
const SCRIPT_DIRECTORY = '/dev/pipes';

/** The program that a RUN starts, and everything it sees. */
export function resolveRun(instruction: RunInstruction, state: StageState, scope: Scope): Resolved {
  const { network, security } = instruction;
  const { user, workdir } = state.config;
  const { env, argNames, proxyNames } = runEnv(state, scope);
  const mounts = instruction.mounts.map((mount) => resolveMount(mount, instruction, state, scope));
  const what = { ...commandOf(instruction, state), mounts, network, security, user, workdir };
  const stableEnv = env.filter(({ name }) => !proxyNames.includes(name));
  scope.expander.spend(
    stableEnv.reduce((chars, { name, value }) => chars + name.length + value.length, 0),
    instruction,
  );
  const cacheKey = canonicalJson({ kind: 'run', ...what, mounts: mounts.map(keyOfMount), env: stableEnv });
  const createdBy = `RUN ${argPrefix(env, argNames)}${what.argv.join(' ')}`;
  return {
    step: { kind: 'run', ...stepHead(instruction, state), createdBy, ...what, env, proxyNames, cacheKey },
    state,
  };
}

/** Where files come from is known by their content: stages may be renumbered, tags may move. */
function keyOfMount(mount: Mount): object {
  if (mount.type === 'bind') return { ...mount, from: mount.from.kind };
  return mount.type === 'cache' && mount.from ? { ...mount, from: mount.from.kind } : mount;
}

type Command = Pick<RunStep, 'argv' | 'script'>;

function commandOf({ command, heredocs }: RunInstruction, { config }: StageState): Command {
  const shell = config.shell ?? DEFAULT_SHELL;
  if (command.form === 'exec') return { argv: command.args };
  const [first] = heredocs;
  if (!first) return { argv: [...shell, command.text] };
  if (!parseHeredocMark(command.text)) {
    const parts = heredocs.map(({ name, content }) => `${content}${name}`);
    return { argv: [...shell, [command.text, ...parts].join('\n')] };
  }
  const content = heredocText(first);
  if (!first.content.startsWith('#!')) return { argv: [...shell, content] };
  const path = `${SCRIPT_DIRECTORY}/${first.name.replaceAll('/', '_')}`;
  return { argv: [...shell, path], script: { path, content } };
}

/** ENV, then the ARGs that no ENV hides, then the proxies that nothing else names. */
function runEnv(
  state: StageState,
  { plan }: Scope,
): { env: EnvEntry[]; argNames: string[]; proxyNames: string[] } {
  const env = new Map(state.config.env.map(({ name, value }) => [name, value]));
  const argNames = [...state.args.keys()].filter((name) => !env.has(name));
  for (const name of argNames) env.set(name, state.args.get(name) ?? '');
  const proxies = [...plan.buildArgs].filter(([name]) => proxyArgs.has(name) && !env.has(name));
  for (const [name, value] of proxies) env.set(name, value);
  if (!env.has('PATH')) env.set('PATH', DEFAULT_PATH);
  const entries = [...env].map(([name, value]) => ({ name, value }));
  return { env: entries, argNames, proxyNames: proxies.map(([name]) => name) };
}

/** As Docker writes the build arguments of a step into the history. */
function argPrefix(env: readonly EnvEntry[], argNames: readonly string[]): string {
  if (argNames.length === 0) return '';
  const values = env
    .filter(({ name }) => argNames.includes(name))
    .map(({ name, value }) => `${name}=${value}`);
  return `|${values.length} ${values.join(' ')} `;
}
