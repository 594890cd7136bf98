import { ApiError } from '@atoll/protocol';
import { baseOf, isReserved, layerPath, parentOf } from './layer-path.ts';
import { noXattrs, safeXattrs } from './layer-xattrs.ts';
import type { TarEntry } from './tar-entry.ts';
import { TarRewriter } from './tar-rewriter.ts';

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/** The ids of the host that stand for the ids 0 to `count` - 1 of the layer. */
export interface UpperIds {
  hostId: number;
  count: number;
}

/** What the agent writes for each incarnation anew: it tells who a sandbox is, so it is no part of what it holds. */
const identityFiles: ReadonlySet<string> = new Set([
  'etc/hostname',
  'etc/hosts',
  'etc/machine-id',
  'etc/resolv.conf',
]);

/** The kernel gives this id to what has none. */
const NOBODY = 65_534;

const marker: TarEntry = {
  kind: 'file',
  path: '',
  linkPath: '',
  mode: 0,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  mtime: '0',
  devMajor: 0,
  devMinor: 0,
  xattrs: noXattrs,
};

/** What became of an upper directory. */
export interface UpperContent {
  entryCount: number;
  whiteoutCount: number;
  /** Members that a layer cannot hold, and hard links to such. */
  droppedCount: number;
}

/**
 * Turns the tar stream of an overlay's upper directory into one of an OCI layer, whichever wrote it (gVisor's
 * `rootfs-upper`, GNU tar over a directory of the host): whiteouts become `.wh.NAME`, be they devices 0:0, hard links
 * to such or marked by an attribute; opaque directories get `.wh..wh..opq`; the overlay's own attributes go, and ids of
 * the host become those of the sandbox. What the server itself puts into a sandbox is left out.
 */
export class UpperRewriter extends TarRewriter {
  readonly #ids: UpperIds | undefined;
  /** Both only hold what hard links may point to. */
  readonly #whiteouts = new Set<string>();
  readonly #dropped = new Set<string>();
  readonly #content: UpperContent = { entryCount: 0, whiteoutCount: 0, droppedCount: 0 };

  constructor(ids?: UpperIds) {
    super();
    this.#ids = ids;
  }

  /** What was in the upper directory; complete once the stream has ended. */
  content(): UpperContent {
    return { ...this.#content };
  }

  protected override rewrite(entry: TarEntry): void {
    const path = layerPath(entry.path);
    const linkPath = entry.kind === 'hardlink' ? layerPath(entry.linkPath) : entry.linkPath;
    if (this.#isWhiteout(entry, linkPath)) return this.#whiteOut(path);
    if (!isOfTheSandbox(path) || (entry.kind === 'hardlink' && this.#dropped.has(linkPath))) {
      return this.#drop(entry, path);
    }
    requireWhole(entry, path);
    this.#content.entryCount++;
    this.copy(this.#clean(entry, path, linkPath));
    if (isOpaque(entry)) this.add({ ...marker, path: path === '' ? OPAQUE : `${path}/${OPAQUE}` });
  }

  /** Overlay shares one device among its whiteouts, so all but the first arrive as hard links. */
  #isWhiteout(entry: TarEntry, linkPath: string): boolean {
    if (entry.kind === 'hardlink') return this.#whiteouts.has(linkPath);
    if (entry.kind === 'char') return entry.devMajor === 0 && entry.devMinor === 0;
    return entry.kind === 'file' && entry.sizeBytes === 0 && hasMark(entry, 'whiteout');
  }

  #whiteOut(path: string): void {
    this.#whiteouts.add(path);
    if (!isOfTheSandbox(path)) return;
    this.#content.whiteoutCount++;
    const parent = parentOf(path);
    const name = `${WHITEOUT}${baseOf(path)}`;
    this.add({ ...marker, path: parent === '' ? name : `${parent}/${name}` });
  }

  /** Files that the server has made are no loss; others are counted. */
  #drop({ kind }: TarEntry, path: string): void {
    if (kind !== 'directory') this.#dropped.add(path);
    if (!isReserved(path) && !identityFiles.has(path)) this.#content.droppedCount++;
  }

  #clean(entry: TarEntry, path: string, linkPath: string): TarEntry {
    const isDirectory = entry.kind === 'directory';
    return {
      ...entry,
      path: isDirectory ? `${path === '' ? '.' : path}/` : path,
      linkPath,
      uid: this.#idInside(entry.uid),
      gid: this.#idInside(entry.gid),
      xattrs: portableXattrs(entry.xattrs),
    };
  }

  #idInside(id: number): number {
    if (this.#ids === undefined) return id;
    const { hostId, count } = this.#ids;
    return id >= hostId && id < hostId + count ? id - hostId : NOBODY;
  }
}

/** A name that begins like a whiteout would be read as one, and no layer can hold it or what is below it. */
const isOfTheSandbox = (path: string): boolean =>
  !isReserved(path) && !identityFiles.has(path) && !path.split('/').some((part) => part.startsWith(WHITEOUT));

/** `trusted.overlay.*` is the kernel's and gVisor's; `user.overlay.*` that of overlays without privileges. */
const hasMark = ({ xattrs }: TarEntry, name: string): boolean =>
  xattrs.has(`trusted.overlay.${name}`) || xattrs.has(`user.overlay.${name}`);

/** The value `x` only says that the directory may hold whiteouts that are marked by an attribute. */
function isOpaque({ kind, xattrs }: TarEntry): boolean {
  if (kind !== 'directory') return false;
  const value = xattrs.get('trusted.overlay.opaque') ?? xattrs.get('user.overlay.opaque');
  return value?.toString('latin1') === 'y';
}

/** These attributes say that the content is elsewhere: what was written here would be half of the file. */
function requireWhole(entry: TarEntry, path: string): void {
  const mark = ['redirect', 'metacopy'].find((name) => hasMark(entry, name));
  if (mark === undefined) return;
  throw new ApiError('unsupported', `/${path} is a ${mark} of an overlay, which no layer can hold`);
}

const CAPABILITY = 'security.capability';
/** `vfs_ns_cap_data` of the kernel: a revision with the flag of effective ones, two pairs of sets, the root's id. */
const REVISION_3 = 0x03;
const REVISION_2 = 0x02;
const V2_BYTES = 20;

/** File capabilities that were given inside a user namespace name its root, whom nobody else knows. */
function portableXattrs(xattrs: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Buffer> {
  const safe = safeXattrs(xattrs);
  const capability = safe.get(CAPABILITY);
  if (capability === undefined || capability[3] !== REVISION_3 || capability.length < V2_BYTES) return safe;
  const portable = Buffer.from(capability.subarray(0, V2_BYTES));
  portable[3] = REVISION_2;
  return new Map([...safe, [CAPABILITY, portable]]);
}
