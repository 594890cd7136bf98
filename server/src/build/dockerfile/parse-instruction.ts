import type { CommandName } from './command.ts';
import { parseCommandForm, requireText } from './argument.ts';
import type { ArgumentContext } from './argument.ts';
import { parseExecForm } from './exec-form.ts';
import { Flags } from './flag.ts';
import type {
  CommandInstruction,
  Instruction,
  ListInstruction,
  ShellInstruction,
  TextInstruction,
} from './instruction.ts';
import { parseArg, parseEnv, parseLabel } from './parse-assignment.ts';
import { parseFrom } from './parse-from.ts';
import { parseHealthcheck } from './parse-healthcheck.ts';
import { parseOnbuild } from './parse-onbuild.ts';
import { parseRun } from './parse-run.ts';
import { parseAdd, parseCopy } from './parse-transfer.ts';
import type { ParsedLine } from './parser.ts';
import { splitPlainly } from './word.ts';

const parsers: Readonly<Record<CommandName, (context: ArgumentContext) => Instruction>> = {
  ADD: parseAdd,
  ARG: parseArg,
  CMD: (context) => parseCommand('cmd', context),
  COPY: parseCopy,
  ENTRYPOINT: (context) => parseCommand('entrypoint', context),
  ENV: parseEnv,
  EXPOSE: (context) => parseList('expose', splitPlainly(context.rest), context),
  FROM: parseFrom,
  HEALTHCHECK: parseHealthcheck,
  LABEL: parseLabel,
  MAINTAINER: (context) => parseText('maintainer', context),
  ONBUILD: (context) => parseOnbuild(context, parseInstruction),
  RUN: parseRun,
  SHELL: parseShell,
  STOPSIGNAL: (context) => parseText('stopsignal', context),
  USER: (context) => parseText('user', context),
  VOLUME: parseVolume,
  WORKDIR: (context) => parseText('workdir', context),
};

/** Gives a parsed line its meaning, and checks everything that can be checked without variables. */
export function parseInstruction(parsed: ParsedLine): Instruction {
  const { name, line, range, keyword, escape, rest, heredocs } = parsed;
  const text = line.text.slice(keyword.offset).trimEnd();
  const place = { line, range, keyword, text, escape };
  return parsers[name]({ name, place, rest, heredocs, flags: new Flags(name, parsed.flags, line) });
}

function parseCommand(kind: CommandInstruction['kind'], context: ArgumentContext): CommandInstruction {
  return { kind, ...context.place, command: parseCommandForm(context.rest, context) };
}

function parseText(kind: TextInstruction['kind'], context: ArgumentContext): TextInstruction {
  return { kind, ...context.place, value: requireText(context) };
}

function parseList(
  kind: ListInstruction['kind'],
  values: ListInstruction['values'],
  context: ArgumentContext,
): ListInstruction {
  requireText(context);
  return { kind, ...context.place, values };
}

function parseVolume(context: ArgumentContext): ListInstruction {
  const { rest, place } = context;
  const json = parseExecForm(rest.text);
  const words =
    json.is === 'strings' ? json.args.map((text) => ({ text, offset: rest.offset })) : splitPlainly(rest);
  if (json.is === 'not-strings') parseCommandForm(rest, context);
  if (words.some(({ text }) => text.trim() === ''))
    throw place.line.error(rest.offset, 'a VOLUME has an empty path');
  return parseList('volume', words, context);
}

function parseShell(context: ArgumentContext): ShellInstruction {
  const { place, rest } = context;
  const json = parseExecForm(requireText(context).text);
  if (json.is !== 'strings') {
    throw place.line.error(rest.offset, 'SHELL takes a JSON array of strings', {
      hint: 'Write it like SHELL ["/bin/bash", "-c"].',
    });
  }
  if (json.args.length === 0) throw place.line.error(rest.offset, 'SHELL needs at least one argument');
  return { kind: 'shell', ...place, args: json.args };
}
