import { InvalidArgumentError } from 'commander';

const unitSecs: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Seconds of a time span like `12h` or `30d`. */
export function span(given: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([mhdw])$/.exec(given) ?? [];
  if (count !== undefined) return Number(count) * (unitSecs[unit] ?? 0);
  throw new InvalidArgumentError('It must be a number with m, h, d or w, such as 30d.');
}
