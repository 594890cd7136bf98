import { Command } from 'commander';
import type { Argument } from 'commander';
import type { AnyCommand, Runner } from './command.ts';
import { withGlobalOptions } from './command.ts';
import { blCommands } from './command/bl/commands.ts';
import { account } from './command/account/account.ts';
import { audit } from './command/audit.ts';
import { bench } from './command/bench.ts';
import { doctor } from './command/doctor.ts';
import { events } from './command/events.ts';
import { fs } from './command/fs/fs.ts';
import { image } from './command/image/image.ts';
import { key } from './command/key/key.ts';
import { login } from './command/login.ts';
import { logout } from './command/logout.ts';
import { member } from './command/member/member.ts';
import { registry } from './command/registry/registry.ts';
import { sbx } from './command/sbx/sbx.ts';
import { pool } from './command/pool/pool.ts';
import { secrets } from './command/secrets/secrets.ts';
import { server } from './command/server.ts';
import { ssh } from './command/ssh/ssh.ts';
import { whoami } from './command/whoami.ts';
import { workspace } from './command/workspace/workspace.ts';
import { cliVersion } from './context.ts';

const commands: readonly AnyCommand[] = [
  sbx,
  image,
  registry,
  pool,
  fs,
  secrets,
  server,
  doctor,
  bench,
  login,
  logout,
  whoami,
  account,
  workspace,
  member,
  key,
  ssh,
  audit,
  events,
];

export interface ProgramOptions {
  /** As it was called: `atoll`, `tl`, `bl`. */
  name: string;
  run: Runner;
  writeOut(text: string): void;
  writeErr(text: string): void;
}

/** The whole tree of commands. Parsing throws CommanderError where the line is wrong, or help was asked for. */
export function createProgram({ name, run, writeOut, writeErr }: ProgramOptions): Command {
  const program = new Command(name)
    .description('Sandboxes for AI agents on your own machine.')
    .version(cliVersion, '--version', 'print the version')
    .enablePositionalOptions()
    .helpCommand('help [command]', 'show the help of a command');
  withGlobalOptions(program);
  for (const command of name === 'bl' ? blCommands : commands) program.addCommand(command.build(run));
  forEachCommand(program, (command) => {
    command.exitOverride().configureOutput({ writeOut, writeErr });
    command.configureHelp({ helpWidth: 100, subcommandTerm: termOf });
    command.showSuggestionAfterError().showHelpAfterError(`For more, see '${pathOf(command)} --help'.`);
  });
  return program;
}

/** A command in the list of its group: every one has options, so that is not said. */
const termOf = (command: Command): string =>
  [
    [command.name(), command.alias()].filter(Boolean).join('|'),
    ...command.registeredArguments.map(usageOf),
  ].join(' ');

function usageOf(argument: Argument): string {
  const label = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${label}>` : `[${label}]`;
}

/** The command and everything below it. */
export function forEachCommand(command: Command, use: (command: Command) => void): void {
  use(command);
  for (const child of command.commands) forEachCommand(child, use);
}

/** e.g. `atoll sbx create`. */
export function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
