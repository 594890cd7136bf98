import { ApiError } from '@atoll/protocol';
import { decimal } from './pax.ts';
import { BLOCK_BYTES } from './tar-entry.ts';
import type { TarEntry } from './tar-entry.ts';

/** One 512-byte header of the v7, ustar, GNU or PAX dialect, as it stands. */
export interface RawHeader {
  typeFlag: string;
  name: string;
  linkName: string;
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  mtime: number;
  devMajor: number;
  devMinor: number;
}

const fields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  linkName: [157, 100],
  devMajor: [329, 8],
  devMinor: [337, 8],
  prefix: [345, 155],
} as const;
type Field = keyof typeof fields;

const malformed = (why: string): ApiError =>
  new ApiError('invalid_request', `the archive is malformed: ${why}`);

export function decodeHeader(block: Buffer): RawHeader {
  verifyChecksum(block);
  const magic = block.toString('latin1', 257, 265);
  const prefix = magic === 'ustar\u000000' ? text(block, 'prefix') : '';
  const name = text(block, 'name');
  const hasDevice = magic.startsWith('ustar');
  return {
    typeFlag: String.fromCharCode(block[156] ?? 0),
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: text(block, 'linkName'),
    mode: number(block, 'mode') & 0o7777,
    uid: number(block, 'uid'),
    gid: number(block, 'gid'),
    sizeBytes: number(block, 'size'),
    mtime: number(block, 'mtime'),
    devMajor: hasDevice ? number(block, 'devMajor') : 0,
    devMinor: hasDevice ? number(block, 'devMinor') : 0,
  };
}

function text(block: Buffer, field: Field): string {
  const [start, length] = fields[field];
  const nul = block.indexOf(0, start);
  return block.toString('latin1', start, nul < 0 ? start + length : Math.min(nul, start + length));
}

/** Octal text, or base 256 where the first bit is set (GNU). */
function number(block: Buffer, field: Field): number {
  const [start, length] = fields[field];
  const first = block[start] ?? 0;
  if (first >= 0x80) return base256(block.subarray(start, start + length), field);
  const digits = text(block, field).trim();
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw malformed(`${field} is no octal number`);
  return Number.parseInt(digits, 8);
}

function base256(bytes: Buffer, field: Field): number {
  const isNegative = ((bytes[0] ?? 0) & 0x40) !== 0;
  let value = BigInt(`0x${bytes.toString('hex')}`);
  const bits = BigInt(bytes.length * 8);
  value = isNegative ? value - (1n << bits) : value - (1n << (bits - 1n));
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw malformed(`${field} is out of range`);
  if (isNegative && field !== 'mtime') throw malformed(`${field} is negative`);
  return result;
}

/** The sum of all bytes with the checksum field as spaces; historic writers summed signed bytes. */
function verifyChecksum(block: Buffer): void {
  const [start, length] = fields.checksum;
  const digits = block
    .toString('latin1', start, start + length)
    .replace(/[\0 ]+$/, '')
    .trim();
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK_BYTES; i++) {
    const byte = i >= start && i < start + length ? 0x20 : (block[i] ?? 0);
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  const expected = /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  if (expected !== unsigned && expected !== signed) throw malformed('a header has a wrong checksum');
}

const typeFlags: Record<TarEntry['kind'], string> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** The kind behind a type flag; absent for the flags that are not members (PAX, GNU long names) or unknown. */
export function kindOf(typeFlag: string, name: string): TarEntry['kind'] | undefined {
  // Before ustar a directory was a file whose name ends with a slash.
  if (typeFlag === '\0' || typeFlag === '0') return name.endsWith('/') ? 'directory' : 'file';
  if (typeFlag === '7') return 'file';
  for (const [kind, flag] of Object.entries(typeFlags)) {
    // The keys of typeFlags are the kinds.
    if (flag === typeFlag) return kind as TarEntry['kind'];
  }
  return undefined;
}

export const maxOctal = { id: 0o7777777, size: 0o77777777777, name: 100 } as const;

/** A ustar header. What does not fit is cut: a PAX header in front of it has the full value. */
export function encodeHeader(entry: TarEntry, typeFlag: string = typeFlags[entry.kind]): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (field: Field, value: number): void => {
    const [start, length] = fields[field];
    block.write(value.toString(8).padStart(length - 1, '0'), start, length - 1, 'latin1');
  };
  block.write(entry.path, 0, maxOctal.name, 'latin1');
  octal('mode', entry.mode);
  octal('uid', Math.min(entry.uid, maxOctal.id));
  octal('gid', Math.min(entry.gid, maxOctal.id));
  octal('size', Math.min(entry.sizeBytes, maxOctal.size));
  const mtime = decimal(entry.mtime);
  octal('mtime', Number.isNaN(mtime) ? 0 : Math.min(mtime, maxOctal.size));
  block.write(typeFlag, 156, 1, 'latin1');
  block.write(entry.linkPath, 157, maxOctal.name, 'latin1');
  block.write('ustar\u000000', 257, 8, 'latin1');
  octal('devMajor', entry.devMajor);
  octal('devMinor', entry.devMinor);
  writeChecksum(block);
  return block;
}

function writeChecksum(block: Buffer): void {
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
}
