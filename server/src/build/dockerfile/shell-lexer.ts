import { newStepMeter } from './shell-pattern.ts';
import type { StepMeter } from './shell-pattern.ts';
import { substitute } from './shell-substitution.ts';
import { SplitWords } from './split-words.ts';

export interface ShellOptions {
  readonly escape: string;
  /** Quotes stay in the result. */
  readonly keepsQuotes?: boolean;
  /** Escape characters stay in the result. */
  readonly keepsEscapes?: boolean;
  /** Quotes are characters like any other. */
  readonly ignoresQuotes?: boolean;
  /** Variables without a value stay as they are written. */
  readonly keepsUnset?: boolean;
  /** How long the result may be. */
  readonly maxChars?: number;
  /** What matching patterns may cost; shared by expansions that belong together. */
  readonly meter?: StepMeter;
}

export type Lookup = (name: string) => string | undefined;

export interface ShellResult {
  readonly text: string;
  readonly words: readonly string[];
  /** Variables that were used and have no value. */
  readonly unset: readonly string[];
}

/** A fault in a word, at an offset of it. */
export class ShellSyntaxError extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** The longest string that Linux passes to a program (MAX_ARG_STRLEN). */
export const MAX_EXPANDED_CHARS = 128 * 1024;
const TOO_LONG = 'the value becomes too long';
const MAX_DEPTH = 64;
const MAX_NAME_CHARS = 4096;
const SPECIAL_PARAMETERS = '@*#?-$!0';

/** Expands variables and removes quotes by the rules that Dockerfiles have for it. */
export function expandShell(text: string, lookup: Lookup, options: ShellOptions): ShellResult {
  return new ShellLexer(text, lookup, options).run();
}

class ShellLexer {
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #options: ShellOptions;
  readonly #unset = new Set<string>();
  readonly #maxChars: number;
  readonly #meter: StepMeter;
  #at = 0;
  #depth = 0;

  constructor(text: string, lookup: Lookup, options: ShellOptions) {
    this.#text = text;
    this.#lookup = lookup;
    this.#options = options;
    this.#maxChars = options.maxChars ?? MAX_EXPANDED_CHARS;
    this.#meter = options.meter ?? newStepMeter();
  }

  run(): ShellResult {
    const output = this.#readUntil('', this.#options.keepsEscapes ?? false);
    return { text: output.text, words: output.finish(), unset: [...this.#unset] };
  }

  get #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #take(): string {
    return this.#text[this.#at++] ?? '';
  }

  /** Reads up to `stop` (or the end, for an empty one), which belongs to what began at `start`. */
  #readUntil(stop: string, keepsEscapes: boolean, start = 0): SplitWords {
    const output = new SplitWords();
    while (this.#peek !== stop) {
      if (this.#peek === '') throw new ShellSyntaxError(start, `syntax error: missing ${stop}`);
      this.#step(output, keepsEscapes);
      if (output.text.length > this.#maxChars) throw new ShellSyntaxError(start, TOO_LONG);
    }
    this.#at += stop.length;
    return output;
  }

  #step(output: SplitWords, keepsEscapes: boolean): void {
    const next = this.#peek;
    if (next === '$') output.addExpansion(this.#dollar());
    else if (next === "'" && !this.#options.ignoresQuotes) output.addQuoted(this.#singleQuoted());
    else if (next === '"' && !this.#options.ignoresQuotes) output.addQuoted(this.#doubleQuoted());
    else if (next === this.#options.escape) this.#escaped(output, keepsEscapes);
    else output.addCharacter(this.#take());
  }

  #escaped(output: SplitWords, keepsEscapes: boolean): void {
    const mark = this.#take();
    output.addQuoted((keepsEscapes ? mark : '') + this.#take());
  }

  #singleQuoted(): string {
    const start = this.#at;
    const end = this.#text.indexOf("'", start + 1);
    if (end < 0) throw new ShellSyntaxError(start, 'the single quote is not closed');
    this.#at = end + 1;
    return this.#options.keepsQuotes ? this.#text.slice(start, end + 1) : this.#text.slice(start + 1, end);
  }

  #doubleQuoted(): string {
    const start = this.#at;
    const quote = this.#options.keepsQuotes ? this.#take() : this.#take() && '';
    let text = '';
    while (this.#peek !== '"') {
      if (this.#peek === '') throw new ShellSyntaxError(start, 'the double quote is not closed');
      text += this.#peek === '$' ? this.#dollar() : this.#quotedCharacter();
      if (text.length > this.#maxChars) throw new ShellSyntaxError(start, TOO_LONG);
    }
    this.#take();
    return quote + text + quote;
  }

  /** Inside double quotes only `"`, `$` and the escape character itself can be escaped. */
  #quotedCharacter(): string {
    const { escape, keepsEscapes } = this.#options;
    const character = this.#take();
    if (character !== escape) return character;
    const isEscaped = this.#peek === '"' || this.#peek === '$' || this.#peek === escape;
    if (isEscaped) return (keepsEscapes ? escape : '') + this.#take();
    return character;
  }

  #dollar(): string {
    const start = this.#at;
    this.#take();
    if (this.#peek === '{') return this.#braced(start);
    const name = this.#name();
    if (name === '') return '$';
    return this.#valueOf(name) ?? (this.#options.keepsUnset ? `$${name}` : '');
  }

  #braced(start: number): string {
    this.#take();
    if (this.#peek === '') throw new ShellSyntaxError(start, 'syntax error: missing }');
    const name = '{}:'.includes(this.#peek) ? '' : this.#name();
    if (name === '') throw new ShellSyntaxError(start, 'syntax error: bad substitution');
    if (++this.#depth > MAX_DEPTH) throw new ShellSyntaxError(start, 'substitutions are nested too deep');
    const value = this.#substitute(start, name);
    this.#depth--;
    return value;
  }

  #substitute(start: number, name: string): string {
    const modifier = this.#modifier(start);
    if (modifier === '') return this.#valueOf(name) ?? (this.#options.keepsUnset ? `\${${name}}` : '');
    const isReplacement = modifier.startsWith('/');
    const keepsEscapes = isReplacement || modifier.startsWith('#') || modifier.startsWith('%');
    const operand = this.#readUntil(isReplacement ? '/' : '}', keepsEscapes, start).text;
    const replacement = isReplacement ? this.#readUntil('}', keepsEscapes, start).text : '';
    const value = this.#lookup(name);
    if (value === undefined && this.#options.keepsUnset) return this.#text.slice(start, this.#at);
    if (value === undefined && keepsEscapes) this.#unset.add(name);
    try {
      return substitute({ name, modifier, operand, replacement, value, meter: this.#meter });
    } catch (error) {
      throw error instanceof Error ? new ShellSyntaxError(start, error.message) : error;
    }
  }

  /** What follows the name: nothing for `}`, else one of the operators. */
  #modifier(start: number): string {
    const first = this.#take();
    if (first === '}') return '';
    if (first === '') throw new ShellSyntaxError(start, 'syntax error: missing }');
    if (first === ':') return this.#colonModifier(start);
    if ('#%/'.includes(first)) return this.#peek === first ? first + this.#take() : first;
    if ('-+?'.includes(first)) return first;
    throw new ShellSyntaxError(start, `unsupported modifier (${first}) in substitution`);
  }

  #colonModifier(start: number): string {
    const second = this.#take();
    if (second !== '' && '-+?'.includes(second)) return `:${second}`;
    throw new ShellSyntaxError(start, `unsupported modifier (:${second}) in substitution`);
  }

  /** A name, a number, or one of the shell's special parameters; empty when none follows. */
  #name(): string {
    const rest = this.#text.slice(this.#at, this.#at + MAX_NAME_CHARS);
    const found = /^(?:\p{Nd}+|[\p{L}_][\p{L}\p{Nd}_]*)/u.exec(rest)?.[0];
    const name = found ?? (SPECIAL_PARAMETERS.includes(this.#peek) ? this.#peek : '');
    this.#at += name.length;
    return name;
  }

  #valueOf(name: string): string | undefined {
    const value = this.#lookup(name);
    if (value === undefined) this.#unset.add(name);
    return value;
  }
}
