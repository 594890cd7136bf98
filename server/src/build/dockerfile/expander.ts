import type { Place } from './instruction.ts';
import { nearestWord } from './nearest-word.ts';
import { newStepMeter } from './shell-pattern.ts';
import { expandShell, ShellSyntaxError } from './shell-lexer.ts';
import type { Lookup, ShellOptions, ShellResult } from './shell-lexer.ts';
import type { Finding } from './warning.ts';
import type { Word } from './word.ts';

/** The variables that one instruction sees. */
export interface Variables {
  readonly lookup: Lookup;
  readonly names: () => readonly string[];
}

/**
 * What expanding a stage may cost, in characters and list entries: enough for any file that people write,
 * and an end for one that doubles a variable in each line.
 */
const MAX_COST = 16 * 1024 * 1024;
const MAX_FINDINGS = 100;
const MAX_HEREDOC_CHARS = 4 * 1024 * 1024;

/** Expands the words of a stage's instructions, and gathers the variables that were not set. */
export class Expander {
  readonly findings: Finding[] = [];
  readonly #meter = newStepMeter();
  #cost = 0;
  #findingCount = 0;

  word(word: Word, variables: Variables, place: Place): string {
    return this.#expand(word, { variables, place, escape: place.escape }).text;
  }

  /** White space in the result separates words. */
  words(word: Word, variables: Variables, place: Place): readonly string[] {
    return this.#expand(word, { variables, place, escape: place.escape }).words;
  }

  /** In a heredoc quotes are plain characters, and the escape character is always a backslash. */
  heredoc(text: string, variables: Variables, place: Place): string {
    const options = { ignoresQuotes: true, maxChars: MAX_HEREDOC_CHARS, escape: '\\' };
    return this.#expand({ text, offset: 0 }, { variables, place, ...options }).text;
  }

  /** Counts work that grows with what earlier instructions have set. */
  spend(cost: number, { line, keyword }: Place): void {
    this.#cost += cost;
    if (this.#cost > MAX_COST) throw line.error(keyword.offset, 'the variables of the file become too large');
  }

  #expand(word: Word, context: ShellOptions & { variables: Variables; place: Place }): ShellResult {
    const result = tryExpand(word, { ...context, meter: this.#meter });
    this.spend(Math.max(0, result.text.length - word.text.length), context.place);
    for (const name of result.unset) this.#report(name, word, context);
    return result;
  }

  #report(name: string, word: Word, { variables, place }: { variables: Variables; place: Place }): void {
    if (++this.#findingCount > MAX_FINDINGS) return;
    const nearest = nearestWord(name, variables.names());
    const guess = nearest === undefined ? '' : ` (did you mean $${nearest}?)`;
    const position = place.line.positionOf(word.offset);
    this.findings.push({
      rule: 'UndefinedVar',
      message: `Usage of undefined variable '$${name}'${guess}`,
      position,
    });
  }
}

function tryExpand(
  word: Word,
  { variables, place, ...options }: ShellOptions & { variables: Variables; place: Place },
): ShellResult {
  try {
    return expandShell(word.text, variables.lookup, options);
  } catch (error) {
    if (!(error instanceof ShellSyntaxError)) throw error;
    throw place.line.error(word.offset + (options.ignoresQuotes ? 0 : error.offset), error.message);
  }
}
