import { ApiError, timeSpan } from '@atoll/protocol';

const unitSecs = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const;

/** Seconds of a time span like `30m`, whose form the schema has checked. */
export function secondsOf(span: string): number {
  const unit = span.slice(-1) as keyof typeof unitSecs; // by the schema's pattern
  return Number(span.slice(0, -1)) * unitSecs[unit];
}

/** Seconds of what should be a time span, where the schema has not looked. */
export function readSpan(value: string): number {
  if (timeSpan.safeParse(value).success) return secondsOf(value);
  throw new ApiError(
    'invalid_request',
    `${JSON.stringify(value.slice(0, 40))} is no time span like 30m or 24h`,
  );
}
