import { ApiError } from '@atoll/protocol';

/** More than Linux lets a file have attributes. */
const MAX_RECORDS = 10_000;

/** Records of a PAX extended header: `LENGTH KEY=VALUE\n`, LENGTH counting the whole record. */
export function parsePax(block: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  let offset = 0;
  let count = 0;
  // Some writers fill the rest of the block with NULs and count them.
  while (offset < block.length && block[offset] !== 0) {
    const space = block.indexOf(0x20, offset);
    const length = space < 0 ? Number.NaN : decimal(block.toString('latin1', offset, space));
    const end = offset + length;
    const equals = space < 0 ? -1 : block.indexOf(0x3d, space);
    if (!(end <= block.length) || equals < 0 || equals >= end || block[end - 1] !== 0x0a) {
      throw new ApiError('invalid_request', 'the archive has a malformed PAX header');
    }
    if (++count > MAX_RECORDS) {
      throw new ApiError(
        'limit_exceeded',
        `the archive has a PAX header of more than ${MAX_RECORDS} records`,
      );
    }
    records.set(block.toString('latin1', space + 1, equals), block.subarray(equals + 1, end - 1));
    offset = end;
  }
  return records;
}

/** Non-negative decimal number, or NaN. */
export function decimal(text: string): number {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
}

/** The reverse of `parsePax`. */
export function formatPax(records: ReadonlyMap<string, Buffer>): Buffer {
  return Buffer.concat([...records].map(([key, value]) => formatRecord(key, value)));
}

function formatRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), value, Buffer.from('\n')]);
  // The length counts its own digits; one more digit may make it one longer again.
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}
