import type { ContentMatch, WireFileChange, WireFileInfo } from '@atoll/protocol';
import { withoutUndefined } from './without-undefined.ts';

/** What is known about a path of a sandbox. */
export interface FileInfo {
  /** As it was asked for; in listings relative to their directory. */
  path: string;
  /** The bytes of a path that is not UTF-8. */
  pathBytes?: Uint8Array;
  type: 'file' | 'directory' | 'symlink' | 'other';
  /** Bytes of a file. */
  size?: number;
  /** Permission bits, e.g. 0o644. */
  mode: number;
  uid: number;
  gid: number;
  /** Names, where the image has them. */
  owner?: string;
  group?: string;
  modifiedAt: Date;
  /** Where a symbolic link points to. */
  target?: string;
}

/** The first hit in a line of a file. */
export interface FileMatch {
  path: string;
  /** From 1. */
  line: number;
  /** From 1, in bytes. */
  column: number;
  /** The line, or of a long one the part with the hit. */
  text: string;
}

/** What happened below a watched directory. Paths are relative to it; `.` is the directory itself. */
export interface FileChange {
  /**
   * `rename` without `to` left the directory. `overflow`: changes are missing before this one, look at the tree
   * again. `unwatched`: changes in this directory are not told, for `reason`.
   */
  op: 'create' | 'write' | 'attributes' | 'rename' | 'remove' | 'overflow' | 'unwatched';
  path: string;
  isDir: boolean;
  to?: string;
  reason?: string;
}

/** Entries with a word on whether they are all. Iterating it gives the entries. */
export interface FileListing<T> extends Iterable<T> {
  entries: T[];
  /** More was there than was asked for. */
  truncated: boolean;
  /** How many directories and files could not be looked into. */
  unreadable: number;
}

export const toFileInfo = (wire: WireFileInfo): FileInfo =>
  withoutUndefined({
    path: wire.path,
    pathBytes: wire.path_base64 === undefined ? undefined : fromBase64(wire.path_base64),
    type: wire.type,
    size: wire.size,
    mode: Number.parseInt(wire.mode, 8),
    uid: wire.uid,
    gid: wire.gid,
    owner: wire.owner,
    group: wire.group,
    modifiedAt: new Date(wire.modified_at),
    target: wire.target,
  });

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

export const toFileMatch = ({ path, line, column, text }: ContentMatch): FileMatch => ({
  path,
  line,
  column,
  text,
});

/** Absent for lines that only keep the connection alive. */
export function toFileChange(wire: WireFileChange): FileChange | undefined {
  if (wire.op === 'ready' || wire.op === 'alive') return undefined;
  return withoutUndefined({
    op: wire.op,
    path: wire.path ?? '.',
    isDir: wire.is_dir ?? false,
    to: wire.to,
    reason: wire.reason,
  });
}
