/** A shell pattern: `*` any text, `?` any character, `\x` the character itself. Brackets are plain. */
type Token = { readonly kind: 'any-text' } | { readonly kind: 'any-character' } | Literal;

interface Literal {
  readonly kind: 'character';
  readonly character: string;
}

/** How many steps of matching are still allowed, so that no patterns can stall the server. */
export interface StepMeter {
  remaining: number;
}

/** Enough for every pattern that people write: a step is one state at one character. */
export const newStepMeter = (): StepMeter => ({ remaining: 2_000_000 });

export interface PatternInput {
  readonly pattern: string;
  readonly value: string;
  readonly meter: StepMeter;
}

/** How many characters at the start of the value the pattern takes, or undefined when it does not match. */
export function matchPrefix({ pattern, value, meter }: PatternInput, isLongest: boolean): number | undefined {
  return new Matcher(parsePattern(pattern), meter).match([...value], 0, isLongest);
}

/** The same from the end: both are reversed, so that the shortest match is found there too. */
export function matchSuffix({ pattern, value, meter }: PatternInput, isLongest: boolean): number | undefined {
  return new Matcher(parsePattern(pattern).toReversed(), meter).match([...value].toReversed(), 0, isLongest);
}

export interface Replacement extends PatternInput {
  readonly replacement: string;
  readonly isGlobal: boolean;
}

/** Replaces the first or every longest match. */
export function replaceMatches({ pattern, replacement, value, meter, isGlobal }: Replacement): string {
  const matcher = new Matcher(parsePattern(pattern), meter);
  const characters = [...value];
  const output: string[] = [];
  let at = 0;
  for (let isDone = false; at < characters.length && !isDone;) {
    const length = matcher.match(characters, at, true) ?? 0;
    output.push(length > 0 ? replacement : (characters[at] ?? ''));
    at += Math.max(1, length);
    isDone = length > 0 && !isGlobal;
  }
  return output.join('') + characters.slice(at).join('');
}

function parsePattern(pattern: string): Token[] {
  const characters = [...pattern];
  const tokens: Token[] = [];
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index] ?? '';
    if (character === '*') tokens.push({ kind: 'any-text' });
    else if (character === '?') tokens.push({ kind: 'any-character' });
    else
      tokens.push({
        kind: 'character',
        character: character === '\\' ? next(characters, ++index) : character,
      });
  }
  return tokens;
}

function next(characters: readonly string[], index: number): string {
  const character = characters[index];
  if (character === undefined) throw new Error('the pattern ends with an escape character');
  return character;
}

/** Runs a pattern over a value as a set of states: linear in the value, whatever the pattern. */
class Matcher {
  readonly #tokens: readonly Token[];
  readonly #meter: StepMeter;

  constructor(tokens: readonly Token[], meter: StepMeter) {
    this.#tokens = tokens;
    this.#meter = meter;
  }

  /** The length of the shortest or longest match that starts at `start`. */
  match(characters: readonly string[], start: number, isLongest: boolean): number | undefined {
    let states = this.#closure(new Set([0]));
    let found: number | undefined;
    for (let at = start; states.size > 0; at++) {
      if (states.has(this.#tokens.length)) found = at - start;
      if ((found !== undefined && !isLongest) || at >= characters.length) break;
      states = this.#closure(this.#advance(states, characters[at] ?? ''));
    }
    return found;
  }

  #advance(states: ReadonlySet<number>, character: string): Set<number> {
    this.#meter.remaining -= states.size;
    if (this.#meter.remaining < 0) throw new Error('the pattern takes too long to match');
    const following = new Set<number>();
    for (const state of states) {
      const token = this.#tokens[state];
      if (token?.kind === 'any-text') following.add(state);
      else if (token?.kind === 'any-character') following.add(state + 1);
      else if (token?.character === character) following.add(state + 1);
    }
    return following;
  }

  /** `*` also matches nothing. A set visits what is added while it is walked. */
  #closure(states: Set<number>): Set<number> {
    for (const state of states) if (this.#tokens[state]?.kind === 'any-text') states.add(state + 1);
    return states;
  }
}
