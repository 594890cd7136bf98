import { InvalidArgumentError } from 'commander';
import { value } from '../parameter.ts';

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A span back from now, as `10m`, or a moment, as `2026-11-22T10:00Z`. */
export function parseSince(given: string, now = Date.now()): Date {
  const [, amount, unit = ''] = /^(\d+)([smhd])$/.exec(given) ?? [];
  const at = amount === undefined ? Date.parse(given) : now - Number(amount) * (unitsMs[unit] ?? 0);
  if (Number.isFinite(at) && at >= 0) return new Date(at);
  throw new InvalidArgumentError(
    'It must be a span such as 30s, 10m, 2h or 1d, or a time such as 2026-11-22T10:00Z.',
  );
}

export const since = value(
  '--since <time>',
  'only lines from then on: 30s, 10m, 2h, 1d ago, or a time',
  (given) => parseSince(given),
);
