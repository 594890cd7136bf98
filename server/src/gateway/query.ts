/**
 * A path, or a whole address, without a parameter of its query, however its name is written. The rest stays byte for byte:
 * some paths mean something by how they are encoded.
 */
export function withoutParameter(path: string, name: string): string {
  const start = path.indexOf('?');
  if (start < 0) return path;
  const parts = path.slice(start + 1).split('&');
  const kept = parts.filter((part) => nameOf(part) !== name);
  if (kept.length === parts.length) return path;
  return path.slice(0, start) + (kept.length === 0 ? '' : `?${kept.join('&')}`);
}

/** As it is read where it counts. */
const nameOf = (part: string): string | undefined => new URLSearchParams(part).keys().next().value;
