/** A part of an instruction, at an offset of its line. */
export interface Word {
  readonly text: string;
  readonly offset: number;
}

/** Splits at white space that neither quotes nor the escape character protect; both stay in the words. */
export function splitWords({ text, offset }: Word, escape: string): Word[] {
  const words: Word[] = [];
  let start: number | undefined;
  for (let at = 0; at < text.length; at++) {
    const isSpace = /\s/.test(text[at] ?? '');
    if (isSpace && start !== undefined) words.push({ text: text.slice(start, at), offset: offset + start });
    if (isSpace) start = undefined;
    else start ??= at;
    if (!isSpace) at = skipProtected(text, at, escape);
  }
  if (start === undefined) return words;
  return [...words, { text: text.slice(start), offset: offset + start }];
}

/** Splits at white space alone. */
export const splitPlainly = ({ text, offset }: Word): Word[] =>
  [...text.matchAll(/\S+/g)].map((match) => ({ text: match[0], offset: offset + match.index }));

/** Where the quoted or escaped text that begins at `at` ends; `at` itself for anything else. */
function skipProtected(text: string, at: number, escape: string): number {
  const character = text[at];
  if (character === escape) return at + 1;
  if (character !== '"' && character !== "'") return at;
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === character) return end;
    if (text[end] === escape && character === '"') end++;
  }
  return text.length;
}
