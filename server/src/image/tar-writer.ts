import { decimal, formatPax } from './pax.ts';
import { BLOCK_BYTES, paddingOf } from './tar-entry.ts';
import type { TarEntry } from './tar-entry.ts';
import { encodeHeader, maxOctal } from './tar-header.ts';

/** The blocks in front of a member's content: a ustar header, after a PAX header where one is needed. */
export function encodeEntry(entry: TarEntry): Buffer {
  const records = paxRecords(entry);
  const header = encodeHeader(entry);
  if (records.size === 0) return header;
  const body = formatPax(records);
  const paxHeader = encodeHeader({ ...paxMember, sizeBytes: body.length }, 'x');
  return Buffer.concat([paxHeader, body, Buffer.alloc(paddingOf(body.length)), header]);
}

const paxMember: TarEntry = {
  kind: 'file',
  path: 'PaxHeader',
  linkPath: '',
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  mtime: '0',
  devMajor: 0,
  devMinor: 0,
  xattrs: new Map(),
};

/** What the ustar header cannot say. */
function paxRecords(entry: TarEntry): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  const add = (key: string, value: string): void => void records.set(key, Buffer.from(value, 'latin1'));
  if (entry.path.length > maxOctal.name) add('path', entry.path);
  if (entry.linkPath.length > maxOctal.name) add('linkpath', entry.linkPath);
  if (entry.uid > maxOctal.id) add('uid', String(entry.uid));
  if (entry.gid > maxOctal.id) add('gid', String(entry.gid));
  if (entry.sizeBytes > maxOctal.size) add('size', String(entry.sizeBytes));
  if (!(decimal(entry.mtime) <= maxOctal.size)) add('mtime', entry.mtime);
  for (const [name, value] of entry.xattrs) records.set(`SCHILY.xattr.${name}`, value);
  return records;
}

/** The two empty blocks that end an archive. */
export const archiveEnd: Buffer = Buffer.alloc(2 * BLOCK_BYTES);
