import { expandShell } from './shell-lexer.ts';

/** The mark `<<EOF` in an instruction. */
export interface HeredocMark {
  readonly name: string;
  /** Variables are expanded unless some of the name is quoted. */
  readonly isExpanded: boolean;
  /** `<<-`: tabs at the start of lines go. */
  readonly stripsTabs: boolean;
}

export interface Heredoc extends HeredocMark {
  /** As it stands in the file, tabs included. */
  readonly content: string;
}

const mark = /^\d*<<(-?)([^<]+)$/;
const rawOptions = {
  escape: '\\',
  keepsQuotes: true,
  keepsEscapes: true,
  keepsUnset: true,
  maxChars: Infinity,
};

const plainOptions = { escape: '\\', keepsUnset: true };

/** The heredocs that an instruction's text announces, in order. A text that is no shell words has none. */
export function findHeredocs(text: string): HeredocMark[] {
  const words = wordsOf(text, true);
  return words.map(parseHeredocMark).filter((found) => found !== undefined);
}

/** Reads one word as a heredoc mark. */
export function parseHeredocMark(word: string): HeredocMark | undefined {
  const [, dash, delimiter = ''] = mark.exec(word) ?? [];
  const [name, ...others] = wordsOf(delimiter, false);
  if (name === undefined || others.length > 0) return undefined;
  return { name, isExpanded: name === wordsOf(delimiter, true)[0], stripsTabs: dash === '-' };
}

/** The content as it reaches a file or a script. */
export const heredocText = (heredoc: Heredoc): string =>
  heredoc.stripsTabs ? heredoc.content.replace(/^\t+/gm, '') : heredoc.content;

function wordsOf(text: string, isRaw: boolean): readonly string[] {
  try {
    return expandShell(text, () => undefined, isRaw ? rawOptions : plainOptions).words;
  } catch {
    // The shell that runs the text has the say about its quotes.
    return [];
  }
}
