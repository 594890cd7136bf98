import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';
import { ApiError } from '@atoll/protocol';
import type { LayerLimits } from './layer-limits.ts';
import { baseOf, hostile, layerPath, parentOf } from './layer-path.ts';
import { LayerTree } from './layer-tree.ts';
import { paddingOf } from './tar-entry.ts';
import type { TarEntry } from './tar-entry.ts';
import { TarReader } from './tar-reader.ts';
import type { TarVisitor } from './tar-reader.ts';
import { archiveEnd, encodeEntry } from './tar-writer.ts';

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** Book-keeping of AUFS, the file system that these names come from. */
const AUFS_META = '.wh..wh.';

const opaqueXattr: [string, Buffer] = ['trusted.overlay.opaque', Buffer.from('y')];

const blank = { linkPath: '', uid: 0, gid: 0, sizeBytes: 0, mtime: '0', devMajor: 0, devMinor: 0 };
const noXattrs: ReadonlyMap<string, Buffer> = new Map();
const whiteout: TarEntry = { ...blank, kind: 'char', path: '', mode: 0, xattrs: noXattrs };
const plainDirectory: TarEntry = { ...blank, kind: 'directory', path: '', mode: 0o755, xattrs: noXattrs };

export interface LayerContent {
  entryCount: number;
  whiteoutCount: number;
  /** The layer hides all layers below it. Overlay reads that mark on no root directory. */
  isOpaqueRoot: boolean;
}

/**
 * Turns the tar stream of an OCI layer into one that may be unpacked as a directory of an overlay: every
 * header is read, checked and written anew; whiteouts become character devices 0:0 and opaque marks
 * become extended attributes; names, links, sizes and attributes that could harm the host end the stream
 * with an ApiError.
 */
export class LayerRewriter extends Transform implements TarVisitor {
  readonly #limits: LayerLimits;
  readonly #reader = new TarReader(this);
  readonly #tree = new LayerTree();
  readonly #opaque = new Set<string>();
  /** What the current chunk has become: passed on in one piece, as small writes would cost more than the copy. */
  #output: Buffer[] = [];
  #isCopying = false;
  #padding = 0;
  #remaining = 0;
  #readBytes = 0;
  #nameBytes = 0;
  #contentBytes = 0;
  #entryCount = 0;
  #whiteoutCount = 0;

  constructor(limits: LayerLimits) {
    super();
    this.#limits = limits;
  }

  /** What was in the layer; complete once the stream has ended. */
  content(): LayerContent {
    return {
      entryCount: this.#entryCount,
      whiteoutCount: this.#whiteoutCount,
      isOpaqueRoot: this.#opaque.has(''),
    };
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    attempt(done, () => {
      this.#readBytes += chunk.length;
      this.#verifyLimit(this.#readBytes, this.#limits.maxBytes, 'bytes');
      this.#reader.write(chunk);
      this.#passOn();
    });
  }

  override _flush(done: TransformCallback): void {
    attempt(done, () => {
      this.#reader.finish();
      for (const path of this.#opaque) this.#writeOpaque(path);
      this.#write(archiveEnd);
      this.#passOn();
    });
  }

  entry(entry: TarEntry): void {
    this.#isCopying = false;
    const path = layerPath(entry.path);
    this.#count(entry, path);
    this.#tree.verifyParents(path);
    const base = baseOf(path);
    if (base === OPAQUE) this.#opaque.add(parentOf(path));
    else if (base.startsWith(AUFS_META)) return;
    else if (base.startsWith(WHITEOUT)) this.#whiteOut(path, base.slice(WHITEOUT.length));
    else this.#copy(entry, path);
  }

  data(chunk: Buffer): void {
    if (!this.#isCopying) return;
    this.#remaining -= chunk.length;
    this.#write(chunk);
    if (this.#remaining === 0 && this.#padding > 0) this.#write(Buffer.alloc(this.#padding));
  }

  #write(bytes: Buffer): void {
    this.#output.push(bytes);
  }

  #passOn(): void {
    if (this.#output.length > 0) this.push(Buffer.concat(this.#output));
    this.#output = [];
  }

  #count(entry: TarEntry, path: string): void {
    this.#entryCount++;
    this.#nameBytes += path.length;
    this.#contentBytes += entry.sizeBytes;
    this.#verifyLimit(this.#entryCount, this.#limits.maxEntries, 'members');
    this.#verifyLimit(this.#nameBytes, this.#limits.maxNameBytes, 'bytes of names');
    this.#verifyLimit(this.#contentBytes, this.#limits.maxBytes, 'bytes');
  }

  #verifyLimit(actual: number, limit: number, unit: string): void {
    if (actual > limit) throw new ApiError('limit_exceeded', `the layer has more than ${limit} ${unit}`);
  }

  /** A whiteout hides what lower layers hold under its name, never what its own layer holds. */
  #whiteOut(path: string, name: string): void {
    if (name === '' || name === '.' || name === '..') throw hostile(path, 'is a whiteout of nothing');
    const parent = parentOf(path);
    const target = parent === '' ? name : `${parent}/${name}`;
    const known = this.#tree.get(target);
    if (known?.is === 'directory') this.#opaque.add(target);
    if (known !== undefined) return;
    this.#reviveParents(target);
    this.#whiteoutCount++;
    this.#tree.add(target, { is: 'whiteout' });
    this.#write(encodeEntry({ ...whiteout, path: target }));
  }

  #copy(entry: TarEntry, path: string): void {
    this.#reviveParents(path);
    const clean = { ...entry, path: writtenPath(entry, path), xattrs: safeXattrs(entry.xattrs) };
    if (entry.kind === 'hardlink') {
      const target = layerPath(entry.linkPath);
      this.#tree.add(path, this.#tree.linkTarget(path, target));
      clean.linkPath = target;
    } else this.#record(clean, path);
    this.#write(encodeEntry(clean));
    this.#isCopying = entry.sizeBytes > 0;
    this.#remaining = entry.sizeBytes;
    this.#padding = paddingOf(entry.sizeBytes);
  }

  #record(entry: TarEntry, path: string): void {
    if (path === '' && entry.kind !== 'directory') throw hostile(entry.path, 'replaces the root');
    if (entry.kind === 'symlink') return this.#tree.add(path, { is: 'symlink' });
    if (entry.kind !== 'directory') return this.#tree.add(path, { is: 'other' });
    if (this.#tree.get(path)?.is === 'whiteout') this.#opaque.add(path);
    this.#tree.add(path, { is: 'directory', entry });
  }

  /** A directory that was whited out and now gets members exists anew, without what was below it. */
  #reviveParents(path: string): void {
    for (const parent of this.#tree.whiteoutsAbove(path)) {
      const entry = { ...plainDirectory, path: `${parent}/` };
      this.#opaque.add(parent);
      this.#tree.add(parent, { is: 'directory', entry });
      this.#write(encodeEntry(entry));
    }
  }

  /**
   * The mark may arrive after its directory, so such directories are written once more at the end. That of
   * the root is left to whoever stacks the layers: overlay does not read it there.
   */
  #writeOpaque(path: string): void {
    if (path === '') return;
    const node = this.#tree.get(path);
    if (node !== undefined && node.is !== 'directory') return;
    const entry = node?.entry ?? { ...plainDirectory, path: `${path}/` };
    this.#write(encodeEntry({ ...entry, xattrs: new Map([...entry.xattrs, opaqueXattr]) }));
  }
}

function writtenPath(entry: TarEntry, path: string): string {
  if (path === '') return './';
  return entry.kind === 'directory' ? `${path}/` : path;
}

/**
 * `trusted.*` and most of `security.*` are orders to the host's kernel, `user.overlay.*` to its overlay file
 * system. File capabilities and POSIX ACLs belong to the image.
 */
const isSafeXattr = (name: string): boolean =>
  name === 'security.capability' ||
  /^system\.posix_acl_(access|default)$/.test(name) ||
  (name.startsWith('user.') && !name.startsWith('user.overlay.'));

function safeXattrs(xattrs: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Buffer> {
  return xattrs.size === 0 ? noXattrs : new Map([...xattrs].filter(([name]) => isSafeXattr(name)));
}

function attempt(done: TransformCallback, work: () => void): void {
  try {
    work();
    done();
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)));
  }
}
