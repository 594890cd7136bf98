import { commandOf } from './command.ts';
import type { CommandName } from './command.ts';
import type { LogicalLine } from './logical-line.ts';
import { nearestWord } from './nearest-word.ts';
import type { Word } from './word.ts';

/** Splits `--flag=value …` off the front of an instruction's arguments. */
export function splitFlags(rest: Word, escape: string): { flags: Word[]; rest: Word } {
  const flags: Word[] = [];
  let at = skipSpace(rest.text, 0);
  while (rest.text.startsWith('--', at)) {
    const { text, end } = readFlag(rest.text, at, escape);
    if (text === '--') return { flags, rest: after(rest, end) };
    flags.push({ text, offset: rest.offset + at });
    at = skipSpace(rest.text, end);
  }
  return { flags, rest: after(rest, at) };
}

const after = (rest: Word, at: number): Word => {
  const start = skipSpace(rest.text, at);
  return { text: rest.text.slice(start).trimEnd(), offset: rest.offset + start };
};

const skipSpace = (text: string, at: number): number => {
  let end = at;
  while (/\s/.test(text[end] ?? '')) end++;
  return end;
};

/** Reads one flag; quotes and escape characters are taken off it. */
function readFlag(text: string, start: number, escape: string): { text: string; end: number } {
  let quote = '';
  let flag = '';
  let at = start;
  for (; at < text.length; at++) {
    const character = text[at] ?? '';
    if (quote === '' && /\s/.test(character)) break;
    if (character === escape && quote !== "'") flag += text[++at] ?? '';
    else if (character === quote) quote = '';
    else if (quote === '' && (character === '"' || character === "'")) quote = character;
    else flag += character;
  }
  return { text: flag, end: at };
}

/** The flags of one instruction, checked against what the command takes. */
export class Flags {
  readonly #values = new Map<string, Word[]>();

  constructor(command: CommandName, flags: readonly Word[], line: LogicalLine) {
    for (const flag of flags) this.#add(command, flag, line);
  }

  text(name: string): Word | undefined {
    return this.list(name)[0];
  }

  list(name: string): readonly Word[] {
    return this.#values.get(name) ?? [];
  }

  boolean(name: string): boolean {
    return this.text(name)?.text === 'true';
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  #add(command: CommandName, { text, offset }: Word, line: LogicalLine): void {
    const known = commandOf(command).flags;
    const equals = text.indexOf('=');
    const name = text.slice(2, equals < 0 ? undefined : equals);
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!kind) throw line.error(offset, `${command} has no flag --${name}`, nearestFlag(name, known));
    if (kind !== 'list' && this.has(name)) throw line.error(offset, `the flag --${name} is given twice`);
    if (kind !== 'boolean' && equals < 0) throw line.error(offset, `the flag --${name} needs a value`);
    const value = equals < 0 ? 'true' : text.slice(equals + 1);
    if (kind === 'boolean' && !/^(true|false)$/i.test(value)) {
      throw line.error(offset, `the flag --${name} is true or false, not ${JSON.stringify(value)}`);
    }
    const word = { text: kind === 'boolean' ? value.toLowerCase() : value, offset };
    this.#values.set(name, [...this.list(name), word]);
  }
}

const nearestFlag = (name: string, known: object): { suggestion?: string } => {
  const nearest = nearestWord(name, Object.keys(known));
  return nearest === undefined ? {} : { suggestion: `--${nearest}` };
};
