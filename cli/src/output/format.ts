/** `2026-11-22 05:40`, in UTC. */
export function formatTime(at: Date | number | undefined): string {
  return at === undefined ? '-' : new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}

const units = ['B', 'KB', 'MB', 'GB', 'TB'];

/** A size for people, e.g. `117.7 MB` (powers of 1024). */
export function formatBytes(sizeBytes: number): string {
  const power = sizeBytes < 1 ? 0 : Math.min(Math.floor(Math.log2(sizeBytes) / 10), units.length - 1);
  const amount = sizeBytes / 1024 ** power;
  return `${power === 0 ? amount : amount.toFixed(1)} ${units[power]}`;
}

/** `1 sandbox`, `2 sandboxes`. */
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** Enough of a key to recognise it, never enough to use it. */
export const maskKey = (key: string): string =>
  `${key.slice(0, Math.min(12, Math.floor(key.length / 3)))}****`;
