import type { Command, Option } from 'commander';
import { createProgram, forEachCommand, pathOf } from '../../cli/src/program.ts';
import { serverFlags } from '../../server/src/config.ts';
import { block, code, generatedNote, page, table } from './page.ts';

/** What stands above the commands, by the name of the program. */
const introductions = {
  atoll:
    '`bin/tl` is the same program under the name that the Tensorlake documentation uses; as `bin/bl` it has [the commands of Blaxel](bl.md).',
  bl: '`bin/bl` is `bin/atoll` under another name, with the commands that the Blaxel documentation uses for sandboxes and images. [Blaxel clients](../blaxel.md) says more.',
};

/** docs/reference/cli.md and bl.md: every command of the program, as its own help has it. */
export function cliPage(name: keyof typeof introductions): string {
  let written = '';
  const writeOut = (text: string) => void (written += text);
  const program = createProgram({ name, run: async () => {}, writeOut, writeErr: () => {} });
  const commands: Command[] = [];
  forEachCommand(program, (command) => commands.push(command));
  const examplesOf = (command: Command): string | undefined => {
    written = '';
    command.outputHelp();
    return /\nExamples:\n([\s\S]+)$/.exec(written)?.[1]?.trimEnd().replaceAll('  $ ', '');
  };
  return page([
    generatedNote('cli/src/command'),
    name === 'atoll' ? '# Command line' : '# The command line `bl`',
    'Data goes to standard output, progress and errors to standard error. Exit codes: 0 it worked, 1 it did not, 2 the command line makes no sense, 130 and 143 after SIGINT and SIGTERM; `sbx exec` and `sbx run` end with the exit code of the command, 128 + n where signal n ended it.',
    introductions[name],
    '## Options of every command',
    optionTable(program.options),
    ...commands.slice(1).flatMap((command) => describeCommand(command, examplesOf(command))),
  ]);
}

function describeCommand(command: Command, examples: string | undefined): (string | undefined)[] {
  const own = command.options.filter(
    ({ helpGroupHeading, hidden }) => helpGroupHeading === undefined && !hidden,
  );
  const path = pathOf(command);
  return [
    `## ${path}`,
    `${capitalised(command.description())}.`,
    aliasesOf(command),
    block('text', usageOf(command, path)),
    argumentTable(command),
    path === 'atoll server' ? serverFlagTable() : optionTable(own),
    examples === undefined ? undefined : block('sh', examples),
  ];
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const aliasesOf = (command: Command): string | undefined =>
  command.aliases().length === 0 ? undefined : `Also: ${command.aliases().map(code).join(', ')}.`;

/** Groups show their commands instead of arguments. */
function usageOf(command: Command, path: string): string {
  const inner = command.commands.map((child) => child.name());
  const args = command.registeredArguments.map((argument) => {
    const label = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${label}>` : `[${label}]`;
  });
  const alone = [path, '[options]', ...args].join(' ');
  const ways = [
    ...(inner.length > 0 ? [`${path} ${inner.join('|')}`] : []),
    ...(inner.length === 0 || args.length > 0 ? [alone] : []),
  ];
  return ways.join('\n');
}

const argumentTable = ({ registeredArguments }: Command): string | undefined =>
  registeredArguments.length === 0
    ? undefined
    : table(
        ['Argument', 'Meaning'],
        registeredArguments.map((argument) => [code(argument.name()), argument.description]),
      );

const optionTable = (options: readonly Option[]): string | undefined =>
  options.length === 0
    ? undefined
    : table(
        ['Option', 'Meaning'],
        options.map(({ flags, description }) => [code(flags), description]),
      );

function serverFlagTable(): string {
  const rows = Object.entries(serverFlags).map(([name, flag]) => {
    const preset = 'default' in flag && typeof flag.default === 'string' ? flag.default : '';
    return [code(`--${name}${flag.type === 'string' ? ' <value>' : ''}`), flag.description, preset];
  });
  return table(['Option', 'Meaning', 'Default'], rows);
}
