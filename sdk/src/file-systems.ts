import * as protocol from '@atoll/protocol';
import type { WaitOptions } from './call-options.ts';
import type { Connection } from './connection.ts';
import { toFileSystem, toFileSystemBody, toFileSystemSnapshot } from './file-system-info.ts';
import type {
  CreateFileSystemOptions,
  FileSystem,
  FileSystemSnapshot,
  UpdateFileSystemOptions,
} from './file-system-info.ts';

/**
 * The file systems of a workspace: what they hold outlives sandboxes. A sandbox names them when it is created
 * (`fileSystems`). Methods take an id or a name and throw RemoteAPIError.
 */
export class FileSystems {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Makes an empty one, or one that begins with what a snapshot holds. */
  async create(wanted: CreateFileSystemOptions, options: WaitOptions = {}): Promise<FileSystem> {
    const body = { ...toFileSystemBody(wanted), name: wanted.name };
    const server = await this.#connection.server();
    return toFileSystem(await server.call(protocol.createFileSystem, { params: {}, body }, options));
  }

  /** All of the workspace, by name. */
  async list(options: WaitOptions = {}): Promise<FileSystem[]> {
    const server = await this.#connection.server();
    const { items } = await server.call(protocol.listFileSystems, { params: {}, query: {} }, options);
    return items.map(toFileSystem);
  }

  /** One of them. */
  async get(id: string, options: WaitOptions = {}): Promise<FileSystem> {
    const server = await this.#connection.server();
    return toFileSystem(await server.call(protocol.getFileSystem, { params: { id } }, options));
  }

  /** Renames, describes or labels it, or lets it grow. */
  async update(id: string, changes: UpdateFileSystemOptions, options: WaitOptions = {}): Promise<FileSystem> {
    const input = { params: { id }, body: toFileSystemBody(changes) };
    const server = await this.#connection.server();
    return toFileSystem(await server.call(protocol.updateFileSystem, input, options));
  }

  /** Deletes it with all that it holds; refused while a sandbox has it. */
  async delete(id: string, options: WaitOptions = {}): Promise<void> {
    await (await this.#connection.server()).call(protocol.deleteFileSystem, { params: { id } }, options);
  }

  /** Keeps what it holds now; a sandbox that writes to it waits meanwhile. */
  async snapshot(
    id: string,
    options: WaitOptions & { description?: string } = {},
  ): Promise<FileSystemSnapshot> {
    const { description, ...waiting } = options;
    const input = { params: { id }, body: description === undefined ? {} : { description } };
    const server = await this.#connection.server();
    return toFileSystemSnapshot(await server.call(protocol.createFileSystemSnapshot, input, waiting));
  }

  /** The snapshots of one, newest first; by its id also once it is deleted. */
  async listSnapshots(id: string, options: WaitOptions = {}): Promise<FileSystemSnapshot[]> {
    const server = await this.#connection.server();
    const { items } = await server.call(protocol.listFileSystemSnapshots, { params: { id } }, options);
    return items.map(toFileSystemSnapshot);
  }

  /** Deletes a snapshot; file systems that were made of it stay. */
  async deleteSnapshot(id: string, options: WaitOptions = {}): Promise<void> {
    const server = await this.#connection.server();
    await server.call(protocol.deleteFileSystemSnapshot, { params: { id } }, options);
  }
}
