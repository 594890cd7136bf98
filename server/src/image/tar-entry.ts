/**
 * One member of a tar archive, free of the format's dialects. Names are byte strings (latin1), because
 * archives promise no encoding.
 */
export interface TarEntry {
  kind: 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo';
  path: string;
  linkPath: string;
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of content that follow; zero for everything but files. */
  sizeBytes: number;
  /** Seconds since the epoch as decimal text: archives carry nanoseconds, which no number holds. */
  mtime: string;
  devMajor: number;
  devMinor: number;
  /** Extended attributes: name → value. */
  xattrs: ReadonlyMap<string, Buffer>;
}

export const BLOCK_BYTES = 512;

/** Bytes that fill the last block of content of this size. */
export const paddingOf = (sizeBytes: number): number =>
  (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
