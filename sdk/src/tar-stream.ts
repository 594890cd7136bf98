/** A member of an archive of files of this machine. Names hold one character for each byte, for they need not be UTF-8. */
export interface TarMember {
  /** Relative, with `/`. */
  path: string;
  kind: 'file' | 'directory' | 'link';
  mode: number;
  mtimeSeconds: number;
  sizeBytes: number;
  /** Where a link points to. */
  target?: string;
}

const BLOCK_BYTES = 512;
const typeFlags = { file: '0', directory: '5', link: '2' } as const;
const toBytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** The header blocks of a member: POSIX ustar, with a PAX record before it for what does not fit. Owned by root. */
export function tarHeader(member: TarMember): Uint8Array {
  const path = member.kind === 'directory' ? `${member.path}/` : member.path;
  const target = member.target ?? '';
  const records = [
    ...(fits(path) ? [] : [paxRecord('path', path)]),
    ...(fits(target) ? [] : [paxRecord('linkpath', target)]),
    ...(member.sizeBytes < 8 ** 11 ? [] : [paxRecord('size', String(member.sizeBytes))]),
  ];
  const header = block({ ...member, path, target, typeFlag: typeFlags[member.kind] });
  if (records.length === 0) return header;
  const body = concat(records);
  const pax = { path: 'PaxHeader', target: '', mode: 0o644, mtimeSeconds: 0, typeFlag: 'x' };
  return concat([
    block({ ...pax, sizeBytes: body.length }),
    body,
    new Uint8Array(tarPadding(body.length)),
    header,
  ]);
}

/** How many zero bytes follow so much content. */
export const tarPadding = (sizeBytes: number): number =>
  (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;

export const tarEnd = (): Uint8Array => new Uint8Array(2 * BLOCK_BYTES);

const NAME_BYTES = 100;
const fits = (text: string): boolean => text.length <= NAME_BYTES && /^[\x20-\x7e]*$/.test(text);

interface Header {
  path: string;
  target: string;
  mode: number;
  mtimeSeconds: number;
  sizeBytes: number;
  typeFlag: string;
}

function block({ path, target, mode, mtimeSeconds, sizeBytes, typeFlag }: Header): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const put = (offset: number, text: string, length: number): void =>
    bytes.set(toBytes(text).subarray(0, length), offset);
  const octal = (value: number, digits: number): string =>
    (value < 8 ** digits ? value : 0).toString(8).padStart(digits, '0');
  put(0, path, NAME_BYTES);
  put(100, octal(mode & 0o7777, 7), 8);
  put(108, octal(0, 7), 8);
  put(116, octal(0, 7), 8);
  put(124, octal(sizeBytes, 11), 12);
  put(136, octal(Math.max(0, Math.floor(mtimeSeconds)), 11), 12);
  put(148, '        ', 8);
  put(156, typeFlag, 1);
  put(157, target, NAME_BYTES);
  put(257, 'ustar\u000000', 8);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  put(148, `${octal(sum, 6)}\0 `, 8);
  return bytes;
}

/** `LENGTH key=value\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): Uint8Array {
  const rest = toBytes(` ${key}=${value}\n`);
  let length = rest.length + 1;
  while (rest.length + String(length).length !== length) length = rest.length + String(length).length;
  return concat([toBytes(String(length)), rest]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
