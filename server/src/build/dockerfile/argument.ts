import type { CommandName } from './command.ts';
import { parseExecForm } from './exec-form.ts';
import type { CommandForm } from './exec-form.ts';
import type { Flags } from './flag.ts';
import type { Heredoc } from './heredoc.ts';
import type { Place } from './instruction.ts';
import type { Word } from './word.ts';

/** What the parser of one instruction works on. */
export interface ArgumentContext {
  readonly name: CommandName;
  readonly place: Place;
  readonly rest: Word;
  readonly flags: Flags;
  readonly heredocs: readonly Heredoc[];
}

/** The instruction's argument, which must not be missing. */
export function requireText({ name, rest, place }: ArgumentContext): Word {
  if (rest.text === '') throw place.line.error(place.keyword.offset, `${name} needs at least one argument`);
  return rest;
}

/** Reads a command in either form. */
export function parseCommandForm(
  rest: Word,
  { place, name }: Pick<ArgumentContext, 'place' | 'name'>,
): CommandForm {
  const json = parseExecForm(rest.text);
  if (json.is === 'strings') return { form: 'exec', args: json.args };
  if (json.is === 'not-json') return { form: 'shell', text: rest.text };
  throw place.line.error(rest.offset, `the JSON array of ${name} must hold strings only`);
}
