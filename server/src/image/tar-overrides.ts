import { ApiError } from '@atoll/protocol';
import { decimal } from './pax.ts';
import type { TarEntry } from './tar-entry.ts';
import { kindOf } from './tar-header.ts';
import type { RawHeader } from './tar-header.ts';

/** What PAX and GNU headers in front of a member say about it. */
export interface Overrides {
  pax?: Map<string, Buffer>;
  name?: string;
  linkName?: string;
}

const xattrPrefix = 'SCHILY.xattr.';

/** The member that a header and the headers before it describe. PAX wins over GNU, GNU over ustar. */
export function toEntry(header: RawHeader, overrides: Overrides): TarEntry {
  const pax = overrides.pax ?? new Map<string, Buffer>();
  const text = (key: string): string | undefined => pax.get(key)?.toString('latin1');
  const path = text('path') ?? overrides.name ?? header.name;
  const kind = kindOf(header.typeFlag, path);
  if (kind === undefined || isSparse(pax)) throw unsupported(header, path);
  return {
    kind,
    path,
    linkPath: text('linkpath') ?? overrides.linkName ?? header.linkName,
    mode: header.mode,
    uid: number(pax, 'uid') ?? header.uid,
    gid: number(pax, 'gid') ?? header.gid,
    // Links, directories and devices have no content, whatever their header claims (as in Go's reader).
    sizeBytes: kind === 'file' ? (number(pax, 'size') ?? header.sizeBytes) : 0,
    mtime: mtime(text('mtime')) ?? String(header.mtime),
    devMajor: header.devMajor,
    devMinor: header.devMinor,
    xattrs: xattrs(pax),
  };
}

function number(pax: Map<string, Buffer>, key: string): number | undefined {
  const value = pax.get(key);
  if (value === undefined) return undefined;
  const parsed = decimal(value.toString('latin1'));
  if (Number.isNaN(parsed)) throw malformed(`PAX record ${key} is no number`);
  return parsed;
}

function mtime(value: string | undefined): string | undefined {
  if (value === undefined || /^-?[0-9]{1,15}(\.[0-9]{0,18})?$/.test(value)) return value;
  throw malformed('PAX record mtime is no time');
}

function xattrs(pax: Map<string, Buffer>): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const [key, value] of pax) {
    if (key.startsWith(xattrPrefix)) found.set(key.slice(xattrPrefix.length), value);
  }
  return found;
}

/** The PAX sparse formats are files to a reader that does not know them: it would unpack their maps. */
const isSparse = (pax: Map<string, Buffer>): boolean =>
  [...pax.keys()].some((key) => key.startsWith('GNU.sparse.'));

function unsupported(header: RawHeader, path: string): ApiError {
  const type =
    header.typeFlag === 'S' || header.typeFlag === '0'
      ? 'a sparse file'
      : `of type ${JSON.stringify(header.typeFlag)}`;
  return new ApiError(
    'invalid_request',
    `member ${JSON.stringify(path)} of the archive is ${type}, which layers cannot hold`,
    {
      hint: 'Write the layer without --sparse, with regular files, directories, links and devices.',
    },
  );
}

const malformed = (why: string): ApiError =>
  new ApiError('invalid_request', `the archive is malformed: ${why}`);
