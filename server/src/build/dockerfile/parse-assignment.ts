import { requireText } from './argument.ts';
import type { ArgumentContext } from './argument.ts';
import type { ArgInstruction, Assignment, EnvInstruction, LabelInstruction } from './instruction.ts';
import { splitWords } from './word.ts';
import type { Word } from './word.ts';

/** Reads `ENV name=value …` or `ENV name value`. */
export const parseEnv = (context: ArgumentContext): EnvInstruction => ({
  kind: 'env',
  ...context.place,
  ...parseAssignments(context),
});

/** Reads `LABEL name=value …` or `LABEL name value`. */
export const parseLabel = (context: ArgumentContext): LabelInstruction => ({
  kind: 'label',
  ...context.place,
  ...parseAssignments(context),
});

/** Reads `ARG name[=default] …`. */
export function parseArg(context: ArgumentContext): ArgInstruction {
  const words = splitWords(requireText(context), context.place.escape);
  const entries = words.map((word) => {
    const { name, value } = splitAssignment(word);
    requireName(name, context);
    return value === undefined ? { name } : { name, value };
  });
  return { kind: 'arg', ...context.place, entries };
}

function parseAssignments(context: ArgumentContext): { entries: Assignment[]; isLegacy: boolean } {
  const words = splitWords(requireText(context), context.place.escape);
  const isLegacy = words[0]?.text.includes('=') === false;
  const entries = isLegacy
    ? [legacyAssignment(context)]
    : words.map((word) => modernAssignment(word, context));
  for (const { name } of entries) requireName(name, context);
  return { entries, isLegacy };
}

/** `name value`: everything after the first white space is the value. */
function legacyAssignment({ name: command, rest, place }: ArgumentContext): Assignment {
  const [, name = '', space = '', value = ''] = /^(\S+)(\s*)(.*)$/s.exec(rest.text) ?? [];
  if (value === '')
    throw place.line.error(rest.offset, `${command} needs a name and a value`, {
      hint: `Write ${command} ${name}=value.`,
    });
  const offset = rest.offset + name.length + space.length;
  return { name: { text: name, offset: rest.offset }, value: { text: value, offset } };
}

function modernAssignment(word: Word, { name: command, place }: ArgumentContext): Assignment {
  const { name, value } = splitAssignment(word);
  if (value !== undefined) return { name, value };
  throw place.line.error(
    word.offset,
    `${command} has ${JSON.stringify(word.text)} where name=value is expected`,
    {
      hint: 'Quote a value that holds spaces.',
    },
  );
}

function splitAssignment({ text, offset }: Word): { name: Word; value?: Word } {
  const equals = text.indexOf('=');
  if (equals < 0) return { name: { text, offset } };
  const value = { text: text.slice(equals + 1), offset: offset + equals + 1 };
  return { name: { text: text.slice(0, equals), offset }, value };
}

function requireName(name: Word, { name: command, place }: ArgumentContext): void {
  if (name.text === '') throw place.line.error(name.offset, `a name of ${command} is empty`);
}
