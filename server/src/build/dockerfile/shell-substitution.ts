import { matchPrefix, matchSuffix, replaceMatches } from './shell-pattern.ts';
import type { StepMeter } from './shell-pattern.ts';

/** `${name<modifier>operand}`, or `${name/operand/replacement}`. */
export interface Substitution {
  readonly name: string;
  readonly modifier: string;
  readonly operand: string;
  readonly replacement: string;
  readonly value: string | undefined;
  readonly meter: StepMeter;
}

/** What a substitution stands for. Throws what `${x:?message}` asks for. */
export function substitute(substitution: Substitution): string {
  const { modifier, operand: pattern, replacement, value = '', meter } = substitution;
  switch (modifier) {
    case '#':
    case '##':
      return value.slice(matchPrefix({ pattern, value, meter }, modifier === '##') ?? 0);
    case '%':
    case '%%':
      return value.slice(0, value.length - (matchSuffix({ pattern, value, meter }, modifier === '%%') ?? 0));
    case '/':
    case '//':
      return replaceMatches({ pattern, replacement, value, meter, isGlobal: modifier === '//' });
    default:
      return substituteByState(substitution);
  }
}

/** The modifiers that ask whether the variable is set; with a colon, empty counts as not set. */
function substituteByState({ name, modifier, operand, value }: Substitution): string {
  const isMissing = value === undefined || (modifier.startsWith(':') && value === '');
  if (modifier.endsWith('-')) return isMissing ? operand : value;
  if (modifier.endsWith('+')) return isMissing ? '' : operand;
  if (!isMissing) return value;
  const reason = value === undefined ? 'is not allowed to be unset' : 'is not allowed to be empty';
  throw new Error(`${name}: ${operand === '' ? reason : operand}`);
}
