import { ApiError } from '@atoll/protocol';

/** The kernel's own bounds: XATTR_NAME_MAX, XATTR_SIZE_MAX and XATTR_LIST_MAX. */
const MAX_NAME_BYTES = 255;
const MAX_VALUE_BYTES = 64 * 1024;
const MAX_NAMES_BYTES = 64 * 1024;

export const noXattrs: ReadonlyMap<string, Buffer> = new Map();

/**
 * `trusted.*` and most of `security.*` are orders to the host's kernel, `user.overlay.*` to its overlay file
 * system. File capabilities and POSIX ACLs belong to the image.
 */
const isSafeXattr = (name: string): boolean =>
  name === 'security.capability' ||
  /^system\.posix_acl_(access|default)$/.test(name) ||
  (name.startsWith('user.') && !name.startsWith('user.overlay.'));

/** The attributes that belong to the image. Copies them: the values given are parts of a larger header. */
export function safeXattrs(xattrs: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Buffer> {
  const safe = [...xattrs].filter(([name]) => isSafeXattr(name));
  if (safe.length === 0) return noXattrs;
  verifyBounds(safe);
  return new Map(safe.map(([name, value]) => [name, ownCopy(value)]));
}

/** Outside the pool of small buffers, of which one would keep 64 KiB. */
function ownCopy(value: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(value.length);
  value.copy(copy);
  return copy;
}

function verifyBounds(xattrs: readonly [string, Buffer][]): void {
  let namesBytes = 0;
  for (const [name, value] of xattrs) {
    namesBytes += name.length + 1;
    if (name.length > MAX_NAME_BYTES)
      throw tooLarge(`the name of an attribute longer than ${MAX_NAME_BYTES} bytes`);
    if (value.length > MAX_VALUE_BYTES) throw tooLarge(`an attribute larger than ${MAX_VALUE_BYTES} bytes`);
  }
  if (namesBytes > MAX_NAMES_BYTES) throw tooLarge('more attributes on one file than Linux allows');
}

const tooLarge = (what: string): ApiError => new ApiError('limit_exceeded', `the layer has ${what}`);

/** What a buffer and its place in a map take, whatever they hold. */
const HELD_BYTES = 256;

/** Bytes that attributes take up while they are held. */
export function xattrBytes(xattrs: ReadonlyMap<string, Buffer>): number {
  let bytes = 0;
  for (const [name, value] of xattrs) bytes += name.length + value.length + HELD_BYTES;
  return bytes;
}
