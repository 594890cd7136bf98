const unitSecs = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const;

/** Seconds of a time span like `30m`, whose form the schema has checked. */
export function secondsOf(span: string): number {
  const unit = span.slice(-1) as keyof typeof unitSecs; // by the schema's pattern
  return Number(span.slice(0, -1)) * unitSecs[unit];
}
