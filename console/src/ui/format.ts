const steps = [
  { ms: 86_400_000, unit: 'd' },
  { ms: 3_600_000, unit: 'h' },
  { ms: 60_000, unit: 'min' },
  { ms: 1_000, unit: 's' },
];

/** How long, in the largest unit that fits: `4 min`. */
export function formatDuration(ms: number): string {
  const step = steps.find((one) => ms >= one.ms);
  return step === undefined ? '0 s' : `${Math.floor(ms / step.ms)} ${step.unit}`;
}

/** Megabytes as people say them: `1 GB`, `512 MB`. */
export const formatMb = (mb: number): string =>
  mb >= 1024 ? `${trim(mb / 1024)} GB` : `${Math.round(mb)} MB`;

const sizes = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes in the unit that keeps the number short. */
export function formatBytes(bytes: number): string {
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), sizes.length - 1);
  return `${trim(bytes / 1024 ** power)} ${sizes[power]}`;
}

const trim = (value: number): string =>
  value >= 100 ? String(Math.round(value)) : String(Number(value.toFixed(1)));

// Made once: to make one takes longer than to draw a row of a table.
const timeFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** A point in time as this browser's people write it. */
export const formatTime = (at: Date | number): string => timeFormat.format(at);

/** How long something took, fine where it was short: `120 ms`, `3.2 s`, `4 min`. */
export function formatElapsed(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : formatDuration(ms);
}
