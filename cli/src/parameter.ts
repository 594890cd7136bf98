import { InvalidArgumentError, Option } from 'commander';

/** A positional argument as data. */
export interface ArgumentSpec<T> {
  kind: 'required' | 'optional' | 'rest' | 'anything';
  label: string;
  summary: string;
  /** Only for its type. */
  read(value: string | string[] | undefined): T;
}

/** An option as data; `read` turns what commander found into its value. */
export interface OptionSpec<T> {
  flags: string;
  summary: string;
  hidden: boolean;
  make(): Option;
  read(value: unknown): T;
}

type Parse<T> = (text: string) => T;

export const required = (label: string, summary: string): ArgumentSpec<string> => ({
  kind: 'required',
  label,
  summary,
  read: (value) => String(value),
});

export const optional = (label: string, summary: string): ArgumentSpec<string | undefined> => ({
  kind: 'optional',
  label,
  summary,
  read: (value) => (typeof value === 'string' ? value : undefined),
});

/** One or more, to the end of the line. */
export const rest = (label: string, summary: string): ArgumentSpec<string[]> => ({
  kind: 'rest',
  label,
  summary,
  read: (value) => (Array.isArray(value) ? value : []),
});

/** None or more, options included: what follows is for another program. */
export const anything = (label: string, summary: string): ArgumentSpec<string[]> => ({
  ...rest(label, summary),
  kind: 'anything',
});

/** True where it is given; `--no-x` too. */
export const flag = (flags: string, summary: string, hidden = false): OptionSpec<boolean> => ({
  flags,
  summary,
  hidden,
  make: () => new Option(flags, summary).hideHelp(hidden),
  read: (value) => (/--no-/.test(flags) ? value === false : value === true),
});

export const value = <T>(
  flags: string,
  summary: string,
  parse: Parse<T>,
  hidden = false,
): OptionSpec<T | undefined> => ({
  flags,
  summary,
  hidden,
  make: () => new Option(flags, summary).hideHelp(hidden).argParser(parse),
  read: (found) => found as T | undefined, // made by `parse`
});

/** May be given again and again. */
export const list = <T>(flags: string, summary: string, parse: Parse<T>): OptionSpec<T[]> => ({
  flags,
  summary,
  hidden: false,
  make: () =>
    new Option(flags, `${summary}; may be repeated`).argParser((text: string, before: T[] | undefined) => [
      ...(before ?? []),
      parse(text),
    ]),
  read: (found) => (Array.isArray(found) ? (found as T[]) : []), // made by `parse`
});

export const text: Parse<string> = (given) => given;

/** A finite number of at least `min`. */
export const number =
  (min: number): Parse<number> =>
  (given) => {
    const parsed = given.trim() === '' ? Number.NaN : Number(given);
    if (Number.isFinite(parsed) && parsed >= min) return parsed;
    throw new InvalidArgumentError(`It must be a number of at least ${min}.`);
  };

/** A whole number from `min` to `max`. */
export const integer =
  (min: number, max = Number.MAX_SAFE_INTEGER): Parse<number> =>
  (given) => {
    const parsed = /^-?\d+$/.test(given) ? Number(given) : Number.NaN;
    if (Number.isSafeInteger(parsed) && parsed >= min && parsed <= max) return parsed;
    const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`;
    throw new InvalidArgumentError(`It must be a whole number, ${range}.`);
  };

export const oneOf =
  <const T extends string>(choices: readonly T[]): Parse<T> =>
  (given) => {
    const found = choices.find((choice) => choice === given);
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`It must be one of ${choices.join(', ')}.`);
  };
