import { createPathMatcher } from '@atoll/protocol';
import { randomUUID } from 'node:crypto';
import { chmod, link, lstat, mkdir, open, rename, rm, symlink, utimes } from 'node:fs/promises';
import { packTree } from './build-context.ts';
import { SandboxError } from './errors.ts';
import { readTar } from './tar-reader.ts';
import type { TarEntry } from './tar-reader.ts';

/** How much of a tree has been copied. */
export interface TreeProgress {
  fileCount: number;
  sizeBytes: number;
}

interface TreeCopyOptions {
  onProgress?: ((progress: TreeProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** A folder of this machine as a tar archive, in constant memory. */
export const packFolder = (dir: string, options: TreeCopyOptions): AsyncGenerator<Uint8Array> =>
  packTree(dir, createPathMatcher([]), options);

/**
 * Unpacks an archive that a sandbox made, which may be hostile: nothing is written outside of the folder. No name
 * leads out of it, no link that is there is followed, and links of the archive are made when all else is done.
 * Files appear whole or not at all; set-id bits are not taken over.
 */
export async function unpackFolder(
  archive: AsyncIterable<Uint8Array>,
  dir: string,
  { onProgress, signal }: TreeCopyOptions = {},
): Promise<TreeProgress> {
  await mkdir(dir, { recursive: true });
  const target = new TargetFolder(dir);
  for await (const entry of readTar(archive)) {
    signal?.throwIfAborted();
    await target.place(entry);
    onProgress?.({ ...target.progress });
  }
  await target.finish();
  return target.progress;
}

/** Bytes of names as characters, so that names which are not UTF-8 keep theirs. */
const toBytes = (name: string): Buffer => Buffer.from(name, 'latin1');
const fromText = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
const toText = (name: string): string => toBytes(name).toString('utf8');

/** Names that are kept until the end: of a thousand times more folders and links than honest trees have. */
const MAX_KEPT_BYTES = 256 * 1024 * 1024;
/** What else an entry takes. */
const ENTRY_BYTES = 256;
/** PATH_MAX of Linux. */
const MAX_NAME_BYTES = 4096;

class TargetFolder {
  readonly progress: TreeProgress = { fileCount: 0, sizeBytes: 0 };
  readonly #base: string;
  /** Folders that are known to be real ones: nothing of the archive replaces a folder. */
  readonly #known = new Set<string>(['']);
  readonly #folders: { path: string; mode: number; mtimeSeconds: number }[] = [];
  readonly #links: { path: string; target: string }[] = [];
  #keptBytes = 0;

  constructor(dir: string) {
    this.#base = fromText(dir);
  }

  async place(entry: TarEntry): Promise<void> {
    const path = memberPath(entry.path);
    const slash = path.lastIndexOf('/');
    await this.#requireFolder(slash < 0 ? '' : path.slice(0, slash));
    if (entry.kind === 'directory') {
      await this.#requireFolder(path);
      this.#keep(path);
      this.#folders.push({ path, mode: entry.mode, mtimeSeconds: entry.mtimeSeconds });
    }
    if (path === '') return;
    if (entry.kind === 'file') await this.#writeFile(path, entry);
    if (entry.kind === 'link') {
      this.#keep(path + entry.target);
      this.#links.push({ path, target: entry.target });
    }
    if (entry.kind === 'hardlink') await this.#linkTo(memberPath(entry.target), path);
    if (entry.kind !== 'directory' && entry.kind !== 'other') this.progress.fileCount += 1;
  }

  /** Links first, then modes from the inside out: a folder may forbid to write into it. */
  async finish(): Promise<void> {
    for (const { path, target } of this.#links) {
      await this.#clear(path);
      await symlink(toBytes(target), this.#at(path));
    }
    for (const { path, mode, mtimeSeconds } of this.#folders.toReversed()) {
      if (path === '') continue;
      await chmod(this.#at(path), mode & 0o777);
      await utimes(this.#at(path), mtimeSeconds, mtimeSeconds);
    }
  }

  /** A hostile archive is unpacked in bounded memory too. */
  #keep(names: string): void {
    this.#keptBytes += names.length + ENTRY_BYTES;
    if (this.#keptBytes > MAX_KEPT_BYTES)
      throw new SandboxError('the archive holds too many folders and links');
  }

  #at(path: string): Buffer {
    return toBytes(path === '' ? this.#base : `${this.#base}/${path}`);
  }

  /** Makes a folder and its parents; a link in the way is refused. */
  async #requireFolder(path: string): Promise<void> {
    if (this.#known.has(path)) return;
    const slash = path.lastIndexOf('/');
    await this.#requireFolder(slash < 0 ? '' : path.slice(0, slash));
    const found = await this.#look(path);
    this.#keep(path);
    if (found === undefined) await mkdir(this.#at(path));
    else if (!found.isDirectory()) throw new SandboxError(`${toText(path)} is there and no directory`);
    this.#known.add(path);
  }

  #look(path: string) {
    return lstat(this.#at(path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw new SandboxError(`${toText(path)} cannot be looked at: ${error.message}`, { cause: error });
    });
  }

  async #writeFile(path: string, entry: TarEntry): Promise<void> {
    const slash = path.lastIndexOf('/') + 1;
    const temporary = this.#at(`${path.slice(0, slash)}.atoll-${randomUUID()}`);
    try {
      await writeSparse(temporary, entry);
      await chmod(temporary, entry.mode & 0o777);
      await utimes(temporary, entry.mtimeSeconds, entry.mtimeSeconds);
      await rename(temporary, this.#at(path));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    this.progress.sizeBytes += entry.sizeBytes;
  }

  async #linkTo(source: string, path: string): Promise<void> {
    const slash = source.lastIndexOf('/');
    await this.#requireFolder(slash < 0 ? '' : source.slice(0, slash));
    if ((await this.#look(source))?.isFile() !== true) {
      throw new SandboxError(
        `${toText(path)} is a link to ${toText(source)}, which the archive does not hold`,
      );
    }
    await this.#clear(path);
    await link(this.#at(source), this.#at(path));
  }

  async #clear(path: string): Promise<void> {
    const found = await this.#look(path);
    if (found?.isDirectory()) throw new SandboxError(`${toText(path)} is there and a directory`);
    if (found) await rm(this.#at(path));
  }
}

/** A name below the folder; the folder itself is ''. */
function memberPath(name: string): string {
  if (name.length > MAX_NAME_BYTES) throw new SandboxError('the archive holds a name that is too long');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || name.includes('\0')) {
    throw new SandboxError(`the archive names ${JSON.stringify(toText(name))}, which is outside of it`);
  }
  return parts.join('/');
}

const zeros = Buffer.alloc(64 * 1024);

/** Pieces of zeros become holes, so a sparse file stays one. */
async function writeSparse(path: Buffer, { content, sizeBytes }: TarEntry): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    let position = 0;
    for await (const chunk of content) {
      for (let at = 0; at < chunk.length; at += zeros.length) {
        const piece = chunk.subarray(at, at + zeros.length);
        if (zeros.compare(piece, 0, piece.length, 0, piece.length) !== 0) {
          await writeAll(file, piece, position + at);
        }
      }
      position += chunk.length;
    }
    await file.truncate(sizeBytes);
  } finally {
    await file.close();
  }
}

type OpenFile = Awaited<ReturnType<typeof open>>;

async function writeAll(file: OpenFile, data: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < data.length;) {
    const { bytesWritten } = await file.write(data, written, data.length - written, position + written);
    written += bytesWritten;
  }
}
