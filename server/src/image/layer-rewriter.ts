import { ApiError } from '@atoll/protocol';
import type { LayerLimits } from './layer-limits.ts';
import { baseOf, hostile, layerPath, parentOf, verifyNotReserved } from './layer-path.ts';
import { LayerTree } from './layer-tree.ts';
import { noXattrs, safeXattrs, xattrBytes } from './layer-xattrs.ts';
import type { TarEntry } from './tar-entry.ts';
import { TarRewriter } from './tar-rewriter.ts';

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** Book-keeping of AUFS, the file system that these names come from. */
const AUFS_META = '.wh..wh.';

const MAX_LINK_BYTES = 4095;

const opaqueXattr: [string, Buffer] = ['trusted.overlay.opaque', Buffer.from('y')];

const blank = { linkPath: '', uid: 0, gid: 0, sizeBytes: 0, mtime: '0', devMajor: 0, devMinor: 0 };
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
 * become extended attributes, device nodes are left out; names, links, sizes and attributes that could harm the
 * host end the stream with an ApiError.
 */
export class LayerRewriter extends TarRewriter {
  readonly #limits: LayerLimits;
  readonly #tree = new LayerTree();
  readonly #opaque = new Set<string>();
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

  protected override count(bytes: number): void {
    this.#readBytes += bytes;
    this.#verifyLimit(this.#readBytes, this.#limits.maxBytes, 'bytes');
  }

  protected override rewrite(entry: TarEntry): void {
    const path = layerPath(entry.path);
    this.#tally(entry, path);
    this.#tree.verifyParents(path);
    const base = baseOf(path);
    if (base === OPAQUE) this.#hideBelow(parentOf(path));
    else if (base.startsWith(AUFS_META)) return;
    else if (base.startsWith(WHITEOUT)) this.#whiteOut(path, base.slice(WHITEOUT.length));
    else this.#keep(entry, path);
  }

  #tally(entry: TarEntry, path: string): void {
    this.#entryCount++;
    this.#nameBytes += path.length;
    this.#contentBytes += entry.sizeBytes;
    this.#verifyLimit(this.#entryCount + this.#tree.impliedCount, this.#limits.maxEntries, 'members');
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
    verifyNotReserved(target, false);
    const known = this.#tree.get(target);
    if (known?.is === 'directory') this.#hideBelow(target);
    if (known !== undefined) return;
    this.#whiteoutCount++;
    this.#hide(target, 'whiteout');
  }

  #keep(entry: TarEntry, path: string): void {
    if (path === '' && entry.kind !== 'directory') throw hostile(entry.path, 'replaces the root');
    verifyNotReserved(path, entry.kind === 'directory');
    const clean = cleanEntry(entry, path);
    if (entry.kind === 'hardlink') {
      const target = this.#tree.linkTarget(path, clean.linkPath);
      if (target.is === 'device') return this.#hide(path, 'device');
      this.#reviveParents(path);
      this.#tree.add(path, target);
    } else if (isDevice(entry)) return this.#hide(path, 'device');
    else this.#record(clean, path);
    this.copy(this.#marked(clean, path));
  }

  #record(entry: TarEntry, path: string): void {
    this.#reviveParents(path);
    if (entry.kind === 'symlink') return this.#tree.add(path, { is: 'symlink' });
    if (entry.kind !== 'directory') return this.#tree.add(path, { is: 'other' });
    this.#nameBytes += xattrBytes(entry.xattrs);
    if (this.#tree.get(path)?.is === 'whiteout') this.#opaque.add(path);
    this.#tree.add(path, { is: 'directory', entry });
  }

  /** Nothing is seen under this path, neither of this layer nor of lower ones. */
  #hide(path: string, is: 'whiteout' | 'device'): void {
    this.#reviveParents(path);
    this.#tree.add(path, { is });
    this.add({ ...whiteout, path });
  }

  /** A directory that was whited out and now gets members exists anew, without what was below it. */
  #reviveParents(path: string): void {
    for (const parent of this.#tree.whiteoutsAbove(path)) this.#hideBelow(parent);
  }

  /**
   * Marks a directory as hiding what lower layers have in it. A directory that is known already is written once
   * more. The mark of the root is left to whoever stacks the layers: overlay does not read it there.
   */
  #hideBelow(path: string): void {
    verifyNotReserved(path, false);
    if (this.#opaque.has(path)) return;
    this.#opaque.add(path);
    if (path === '') return;
    const known = this.#tree.get(path);
    const entry = (known?.is === 'directory' && known.entry) || { ...plainDirectory, path: `${path}/` };
    this.#reviveParents(path);
    this.#tree.add(path, { is: 'directory', entry });
    this.add(this.#marked(entry, path));
  }

  #marked(entry: TarEntry, path: string): TarEntry {
    if (path === '' || entry.kind !== 'directory' || !this.#opaque.has(path)) return entry;
    return { ...entry, xattrs: new Map([...entry.xattrs, opaqueXattr]) };
  }
}

/**
 * A device that a sandbox could open would be one of the host; its place stays empty, as a runtime brings a /dev of
 * its own.
 */
const isDevice = ({ kind }: TarEntry): boolean => kind === 'char' || kind === 'block';

/** Without what headers claim but members of this kind do not have: it would be held in memory for nothing. */
function cleanEntry(entry: TarEntry, path: string): TarEntry {
  return {
    ...entry,
    path: writtenPath(entry, path),
    linkPath: cleanLink(entry),
    xattrs: safeXattrs(entry.xattrs),
  };
}

function cleanLink({ kind, path, linkPath }: TarEntry): string {
  if (kind === 'hardlink') return layerPath(linkPath);
  if (kind !== 'symlink') return '';
  if (linkPath.length > MAX_LINK_BYTES) throw hostile(path, 'links to a path longer than Linux allows');
  return linkPath;
}

function writtenPath(entry: TarEntry, path: string): string {
  if (path === '') return './';
  return entry.kind === 'directory' ? `${path}/` : path;
}
