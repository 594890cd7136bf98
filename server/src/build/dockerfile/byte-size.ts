const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

/** Bytes of a size like `64m`, `1gb` or `1.5GiB`, or undefined. */
export function parseByteSize(text: string): number | undefined {
  const [, amount, unit = ''] = /^(\d{1,15}(?:\.\d{1,9})?)\s?([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  if (amount === undefined) return undefined;
  const sizeBytes = Math.floor(Number(amount) * (unitBytes[unit.toLowerCase()] ?? 1));
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : undefined;
}
