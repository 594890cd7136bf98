import { loadLocalTree } from '#platform';
import { contentMatch, dataPlane, fileChange, fileInfo, fileRoutes, listingEnd } from '@atoll/protocol';
import type { ExtractedArchive, Route, RouteCall } from '@atoll/protocol';
import type { z } from 'zod';
import type { WaitOptions } from './call-options.ts';
import { SandboxConnectionError } from './errors.ts';
import { isRereadable, readChunks, toBody } from './file-content.ts';
import type { FileContent } from './file-content.ts';
import { toFileChange, toFileInfo, toFileMatch } from './file-info.ts';
import type { FileChange, FileInfo, FileListing, FileMatch } from './file-info.ts';
import { readJsonLines } from './json-lines.ts';
import type { TreeProgress } from './local-tree.ts';
import type { Transport } from './transport.ts';
import { withoutUndefined } from './without-undefined.ts';

/** What all calls on files take. */
export interface FileOptions extends WaitOptions {
  /** Whose permissions count: a name, `uid` or `uid:gid`. Default: the image's user. */
  user?: string;
}

/** Which part of a tree is meant. */
export interface TreeOptions extends FileOptions {
  /** How many levels. Default: all. */
  maxDepth?: number;
  /** Names of directories that are not entered. */
  exclude?: string[];
  /** Leave out names that start with a dot. */
  excludeHidden?: boolean;
}

export interface ListTreeOptions extends TreeOptions {
  maxResults?: number;
}

export interface FindOptions extends ListTreeOptions {
  /** Default: any. */
  type?: FileInfo['type'];
}

export interface SearchOptions extends ListTreeOptions {
  /** The text is a regular expression (RE2). */
  regex?: boolean;
  ignoreCase?: boolean;
  /** Only files that fit one of these globs. */
  patterns?: string[];
}

export interface WatchOptions extends FileOptions {
  /** Also what is below. */
  recursive?: boolean;
  /** Globs of what is not told and not entered. */
  exclude?: string[];
}

export interface UploadTreeOptions extends FileOptions {
  /** Give files the owners that the archive names, instead of the user. */
  keepOwners?: boolean;
}

export interface TransferOptions extends FileOptions {
  /** Replace what is there. */
  overwrite?: boolean;
}

export interface FolderTransferOptions extends FileOptions {
  onProgress?: (progress: TreeProgress) => void;
}

/** Directories and trees of a sandbox, as `sandbox.files`. Symbolic links are things of their own and not followed. */
export class SandboxFiles {
  readonly #agent: () => Promise<Transport>;

  constructor(agent: () => Promise<Transport>) {
    this.#agent = agent;
  }

  /** Describes a path; with `follow`, what a symbolic link points to. */
  async stat(path: string, options: FileOptions & { follow?: boolean } = {}): Promise<FileInfo> {
    const query = withoutUndefined({ path, user: options.user, follow: options.follow });
    return toFileInfo(await (await this.#agent()).call(fileRoutes.statFile, { query }, options));
  }

  /** Whether something is at a path. */
  async exists(path: string, options: FileOptions = {}): Promise<boolean> {
    try {
      await this.stat(path, options);
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'NOT_FOUND') return false;
      throw error;
    }
  }

  /** Everything below a directory, directories before what is in them. */
  tree(path: string, options: ListTreeOptions = {}): Promise<FileListing<FileInfo>> {
    return this.#list(fileRoutes.listTree, { query: treeQuery(path, options) }, options, readInfo);
  }

  /** What fits one of the globs (`*.ts`, `src/**`, `{a,b}`), at most 1,000 unless `maxResults` says otherwise. */
  find(path: string, patterns: string | string[], options: FindOptions = {}): Promise<FileListing<FileInfo>> {
    const query = {
      ...treeQuery(path, options),
      pattern: [patterns].flat(),
      ...withoutUndefined({ type: options.type }),
    };
    return this.#list(fileRoutes.findFiles, { query }, options, readInfo);
  }

  /** The lines that hold a text, at most 1,000 unless `maxResults` says otherwise. Binary files are left out. */
  search(path: string, text: string, options: SearchOptions = {}): Promise<FileListing<FileMatch>> {
    const { regex, ignoreCase, patterns } = options;
    const more = withoutUndefined({ regex, ignore_case: ignoreCase, pattern: patterns });
    const query = { ...treeQuery(path, options), query: text, ...more };
    return this.#list(fileRoutes.searchFiles, { query }, options, (line) => {
      const match = contentMatch.safeParse(line);
      return match.success ? toFileMatch(match.data) : undefined;
    });
  }

  /**
   * What happens in a directory, from now on, until the loop is left, the signal aborts, or the directory goes.
   * The first step of the iteration begins the watch; `onReady` says that it stands.
   */
  async *watch(
    path: string,
    options: WatchOptions & { onReady?: () => void } = {},
  ): AsyncGenerator<FileChange> {
    const { user, recursive, exclude, signal } = options;
    const query = withoutUndefined({ path, user, recursive, exclude });
    const response = await (await this.#agent()).stream(fileRoutes.watchFiles, { query }, { signal });
    for await (const line of readJsonLines(response, signal)) {
      const parsed = fileChange.safeParse(line);
      if (!parsed.success) continue;
      if (parsed.data.op === 'ready') options.onReady?.();
      const change = toFileChange(parsed.data);
      if (change) yield change;
    }
  }

  /** Makes a directory with its parents; one that is there already is no error. */
  async mkdir(path: string, options: FileOptions & { mode?: number } = {}): Promise<void> {
    const query = {
      path,
      parents: true,
      ...withoutUndefined({ user: options.user, mode: octal(options.mode) }),
    };
    await (await this.#agent()).call(fileRoutes.makeDirectory, { query }, options);
  }

  /** Moves a file or a directory. */
  async move(from: string, to: string, options: TransferOptions = {}): Promise<void> {
    await (
      await this.#agent()
    ).call(fileRoutes.moveFile, { query: transferQuery(from, to, options) }, options);
  }

  /** Copies a file, or a directory with all that is in it. */
  async copy(from: string, to: string, options: TransferOptions = {}): Promise<void> {
    await (
      await this.#agent()
    ).call(fileRoutes.copyFile, { query: transferQuery(from, to, options) }, options);
  }

  /** Sets permission bits, e.g. 0o755. */
  async chmod(
    path: string,
    mode: number,
    options: FileOptions & { recursive?: boolean } = {},
  ): Promise<void> {
    const { user, recursive } = options;
    const query = withoutUndefined({ path, mode: octal(mode), user, recursive });
    await (await this.#agent()).call(fileRoutes.setFileAttributes, { query }, options);
  }

  /** Sets the owner: `name`, `uid`, `name:group` or `uid:gid`. */
  async chown(
    path: string,
    owner: string,
    options: FileOptions & { recursive?: boolean } = {},
  ): Promise<void> {
    const { user, recursive } = options;
    const query = withoutUndefined({ path, owner, user, recursive });
    await (await this.#agent()).call(fileRoutes.setFileAttributes, { query }, options);
  }

  /** Deletes a file, or with `recursive` a directory and all that is in it. */
  async remove(path: string, options: WaitOptions & { recursive?: boolean } = {}): Promise<void> {
    const query = withoutUndefined({ path, recursive: options.recursive });
    await (await this.#agent()).call(dataPlane.deleteFile, { query }, options);
  }

  /** A directory as a tar archive, chunk by chunk as it comes. */
  async *downloadArchive(path: string, options: TreeOptions = {}): AsyncGenerator<Uint8Array> {
    const input = { query: treeQuery(path, options) };
    const response = await (
      await this.#agent()
    ).stream(fileRoutes.downloadTree, input, { signal: options.signal });
    yield* readChunks(response, options.signal);
  }

  /** Unpacks a tar, or a tar.gz, into a directory, which is made. */
  async uploadArchive(
    path: string,
    archive: FileContent,
    options: UploadTreeOptions = {},
  ): Promise<ExtractedArchive> {
    const query = withoutUndefined({ path, user: options.user, keep_owners: options.keepOwners });
    const call = { signal: options.signal, rawBody: toBody(archive), repeatable: isRereadable(archive) };
    const response = await (await this.#agent()).stream(fileRoutes.uploadTree, { query }, call);
    return fileRoutes.uploadTree.response.parse(await response.json());
  }

  /** Copies a directory of this machine into one of the sandbox: links stay links, owners are not kept. */
  async uploadDirectory(
    localPath: string,
    path: string,
    options: FolderTransferOptions = {},
  ): Promise<ExtractedArchive> {
    // Needs Node's file system; few programs need it.
    const { packFolder } = await loadLocalTree();
    return this.uploadArchive(path, packFolder(localPath, options), options);
  }

  /** Copies a directory of the sandbox into one of this machine, which is made. Nothing is written outside of it. */
  async downloadDirectory(
    path: string,
    localPath: string,
    options: FolderTransferOptions = {},
  ): Promise<TreeProgress> {
    const { unpackFolder } = await loadLocalTree();
    return unpackFolder(this.downloadArchive(path, options), localPath, options);
  }

  async #list<R extends Route, T>(
    route: R,
    input: RouteCall<R>,
    { signal }: WaitOptions,
    read: (line: unknown) => T | undefined,
  ): Promise<FileListing<T>> {
    const response = await (await this.#agent()).stream(route, input, { signal });
    const entries: T[] = [];
    let end: z.output<typeof listingEnd> | undefined;
    for await (const line of readJsonLines(response, signal)) {
      const entry = read(line);
      if (entry === undefined) end = listingEnd.safeParse(line).data;
      else entries.push(entry);
    }
    if (end === undefined) throw new SandboxConnectionError('the listing broke off');
    const { truncated, unreadable } = end;
    return { entries, truncated, unreadable, [Symbol.iterator]: () => entries[Symbol.iterator]() };
  }
}

function readInfo(line: unknown): FileInfo | undefined {
  const info = fileInfo.safeParse(line);
  return info.success ? toFileInfo(info.data) : undefined;
}

const octal = (mode: number | undefined): string | undefined => mode?.toString(8);

const treeQuery = (path: string, options: ListTreeOptions) =>
  withoutUndefined({
    path,
    user: options.user,
    max_depth: options.maxDepth,
    exclude: options.exclude,
    exclude_hidden: options.excludeHidden,
    max_results: options.maxResults,
  });

const transferQuery = (path: string, to: string, { user, overwrite }: TransferOptions) =>
  withoutUndefined({ path, to, user, overwrite });
