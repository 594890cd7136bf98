import { bodyChunks } from './body-chunks.ts';
import type { DirectoryEntry as WireDirectoryEntry } from '@atoll/protocol';
import { toSandboxError } from './errors.ts';
import { withoutUndefined } from './without-undefined.ts';

/** One entry of a directory. */
export interface DirectoryEntry {
  /** Without the directory. */
  name: string;
  /** Whether it is a directory. */
  isDir: boolean;
  /** Bytes; absent for directories. */
  size?: number;
  modifiedAt?: Date;
}

/** A directory, directories first. Iterating it gives its entries. */
export interface DirectoryListing extends Iterable<DirectoryEntry> {
  path: string;
  entries: DirectoryEntry[];
}

/** What can be written to a file. Streams are sent as they come, in constant memory, and cannot be repeated. */
export type FileContent = Uint8Array | ArrayBuffer | string | Blob | AsyncIterable<Uint8Array>;

export function toListing(wire: { path: string; entries: WireDirectoryEntry[] }): DirectoryListing {
  const entries = wire.entries.map((entry) =>
    withoutUndefined({
      name: entry.name,
      isDir: entry.is_dir,
      size: entry.size ?? undefined,
      modifiedAt: entry.modified_at === null ? undefined : new Date(entry.modified_at),
    }),
  );
  return { path: wire.path, entries, [Symbol.iterator]: () => entries[Symbol.iterator]() };
}

/** Whether the content can be read again for another attempt. */
export const isRereadable = (content: FileContent): boolean =>
  typeof content === 'string' ||
  content instanceof Uint8Array ||
  content instanceof ArrayBuffer ||
  content instanceof Blob;

export function toBody(content: FileContent): NonNullable<RequestInit['body']> {
  if (typeof content === 'string') return new TextEncoder().encode(content);
  if (content instanceof ArrayBuffer || content instanceof Blob || content instanceof ReadableStream)
    return content;
  // A view of any buffer is a body; the types only know views of unshared ones.
  if (content instanceof Uint8Array) return content as Uint8Array<ArrayBuffer>;
  return toReadableStream(content);
}

/** `ReadableStream.from` is missing in some runtimes. */
function toReadableStream(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: async (reason) => {
      await iterator.return?.(reason);
    },
  });
}

/** The whole body of an answer. */
export async function readWhole(response: Response, signal?: AbortSignal): Promise<Uint8Array> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw toSandboxError(error, signal);
  }
}

/** The body of an answer chunk by chunk as it comes. */
export async function* readChunks(response: Response, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    if (response.body !== null) yield* bodyChunks(response.body);
  } catch (error) {
    throw toSandboxError(error, signal);
  }
}
