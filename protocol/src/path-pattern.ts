/**
 * Docker's path patterns: `.dockerignore` on the client's side, COPY --exclude on the server's.
 * They stand here because it is the one place both may import from.
 */

/** Says which paths a list of patterns takes. */
export interface PathMatcher {
  /** Whether the last pattern that applies to the path, or to a folder it is in, is not a `!` one. */
  matches(path: string): boolean;
  /** Without `!` patterns nothing below a matched folder can be spared, so it need not be walked. */
  readonly hasNegation: boolean;
}

export class PathPatternError extends Error {
  readonly pattern: string;

  constructor(pattern: string, reason: string) {
    super(`bad pattern ${JSON.stringify(pattern)}: ${reason}`);
    this.name = 'PathPatternError';
    this.pattern = pattern;
  }
}

/** Makes a matcher. Later patterns win over earlier ones. Throws PathPatternError. */
export function createPathMatcher(patterns: readonly string[]): PathMatcher {
  const parsed = patterns.map((pattern) => pattern.trim()).filter((pattern) => pattern !== '');
  const compiled = parsed.map(compile);
  return {
    matches: (path) => matchesAny(compiled, cleanPath(path)),
    hasNegation: compiled.some(({ isNegated }) => isNegated),
  };
}

/** A path without `.`, `..`, doubled and trailing slashes, as Go's path.Clean gives it. */
export function cleanPath(path: string): string {
  const isAbsolute = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!isAbsolute) parts.push(part);
  }
  return (isAbsolute ? '/' : '') + parts.join('/') || '.';
}

interface CompiledPattern {
  readonly isNegated: boolean;
  readonly tokens: readonly Token[];
}

type Token =
  | { readonly kind: 'character'; readonly accepts: (character: string) => boolean }
  /** `*`: any text without a slash. */
  | { readonly kind: 'text' }
  /** `**` at the end: any text. */
  | { readonly kind: 'anything' }
  /** `**` elsewhere: nothing, or any text that ends with a slash; it is followed by `until-slash`. */
  | { readonly kind: 'folders' }
  | { readonly kind: 'until-slash' };

function matchesAny(patterns: readonly CompiledPattern[], path: string): boolean {
  let isMatched = false;
  for (const { isNegated, tokens } of patterns) {
    // A pattern that could not change the answer is not asked.
    if (isNegated === isMatched && matchesPathOrFolder(tokens, path)) isMatched = !isNegated;
  }
  return isMatched;
}

/** Follows all ways through the pattern at once, so the time grows with the path alone. */
function matchesPathOrFolder(tokens: readonly Token[], path: string): boolean {
  let states = withSkips(new Set([0]), tokens);
  for (const character of path) {
    if (character === '/' && states.has(tokens.length)) return true;
    states = withSkips(advance(states, tokens, character), tokens);
    if (states.size === 0) return false;
  }
  return states.has(tokens.length);
}

function advance(states: ReadonlySet<number>, tokens: readonly Token[], character: string): Set<number> {
  const following = new Set<number>();
  for (const state of states) {
    const token = tokens[state];
    if (token?.kind === 'character' && token.accepts(character)) following.add(state + 1);
    const stays =
      token?.kind === 'anything' ||
      token?.kind === 'until-slash' ||
      (token?.kind === 'text' && character !== '/');
    if (stays) following.add(state);
    if (token?.kind === 'until-slash' && character === '/') following.add(state + 1);
  }
  return following;
}

/** Adds the states that are reached without a character. A set visits what is added while it is walked. */
function withSkips(states: Set<number>, tokens: readonly Token[]): Set<number> {
  for (const state of states) {
    const kind = tokens[state]?.kind;
    if (kind === 'text' || kind === 'anything' || kind === 'folders') states.add(state + 1);
    if (kind === 'folders') states.add(state + 2);
  }
  return states;
}

function compile(pattern: string): CompiledPattern {
  const isNegated = pattern.startsWith('!');
  const cleaned = cleanPath(isNegated ? pattern.slice(1).trim() : pattern);
  if (isNegated && pattern.length === 1) throw new PathPatternError(pattern, 'nothing follows the "!"');
  // Docker compares what follows a leading `**` with the end of the path when it is plain text.
  const isSuffix = /^\*\*[^*?[\]\\/][^*?[\]\\]*$/.test(cleaned);
  if (isSuffix) return { isNegated, tokens: [{ kind: 'anything' }, ...plain(cleaned.slice(2))] };
  return { isNegated, tokens: new Scanner(cleaned).tokens() };
}

const plain = (text: string): Token[] => [...text].map(literal);

const literal = (wanted: string): Token => ({
  kind: 'character',
  accepts: (character) => character === wanted,
});

const notSlash: Token = { kind: 'character', accepts: (character) => character !== '/' };

class Scanner {
  readonly #pattern: string;
  readonly #characters: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.#characters = [...pattern];
  }

  tokens(): Token[] {
    const tokens: Token[] = [];
    while (this.#at < this.#characters.length) tokens.push(...this.#next());
    return tokens;
  }

  get #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #next(): Token[] {
    const character = this.#take();
    if (character === '*') return this.#stars();
    if (character === '?') return [notSlash];
    if (character === '[') return [this.#class()];
    return [literal(character === '\\' ? this.#escaped() : character)];
  }

  #stars(): Token[] {
    if (!this.#skip('*')) return [{ kind: 'text' }];
    this.#skip('/');
    return this.#peek === undefined ? [{ kind: 'anything' }] : [{ kind: 'folders' }, { kind: 'until-slash' }];
  }

  /** `[a-z]` or `[^a-z]`. */
  #class(): Token {
    const isNegated = this.#skip('^');
    const ranges: [string, string][] = [];
    while (this.#peek !== ']' || ranges.length === 0) ranges.push(this.#range());
    this.#at++;
    const isIn = (character: string): boolean =>
      ranges.some(([low, high]) => low <= character && character <= high);
    return { kind: 'character', accepts: (character) => isIn(character) !== isNegated };
  }

  #range(): [string, string] {
    const low = this.#classCharacter();
    return [low, this.#skip('-') ? this.#classCharacter() : low];
  }

  #classCharacter(): string {
    const character = this.#take();
    if (character === '-' || character === ']')
      throw this.#error(`"${character}" must be escaped in brackets`);
    return character === '\\' ? this.#escaped() : character;
  }

  /** Steps over a character if it is the next one. */
  #skip(character: string): boolean {
    const isNext = this.#peek === character;
    if (isNext) this.#at++;
    return isNext;
  }

  #escaped(): string {
    if (this.#peek === undefined) throw this.#error('nothing follows the "\\"');
    return this.#take();
  }

  #take(): string {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw this.#error('a "[" is not closed');
    return character;
  }

  #error(reason: string): PathPatternError {
    return new PathPatternError(this.#pattern, reason);
  }
}
