import { Readable } from 'node:stream';
import { createPathMatcher } from '@atoll/protocol';
import type { PathMatcher } from '@atoll/protocol';
import { connectionError, RemoteAPIError } from '../errors.ts';
import { packZip } from './zip-stream.ts';
import type { ExtraFile } from './zip-stream.ts';

export interface UploadOptions {
  /** What stays here. */
  ignored?: PathMatcher;
  /** Files that go along beside those of the folder. */
  extra?: readonly ExtraFile[];
  signal?: AbortSignal | undefined;
}

/** Options of fetch that not every library of types knows. */
interface StreamingInit extends RequestInit {
  duplex: 'half';
}

/** Sends a folder as a ZIP archive to an upload URL, which takes it once and wants no key. */
export async function uploadFolder(dir: string, url: string, options: UploadOptions = {}): Promise<void> {
  const { ignored = createPathMatcher([]), extra = [], signal } = options;
  const archive = Readable.from(packZip(dir, ignored, extra), { objectMode: false });
  let unread: unknown;
  archive.once('error', (error) => (unread = error));
  const init: StreamingInit = {
    method: 'PUT',
    headers: { 'content-type': 'application/zip' },
    body: Readable.toWeb(archive) as unknown as NonNullable<RequestInit['body']>, // Node's own type of the same stream
    duplex: 'half',
    redirect: 'error',
    ...(signal && { signal }),
  };
  const response = await fetch(url, init).catch((error: unknown) => {
    archive.destroy();
    // A folder that cannot be read is not a server that cannot be reached.
    throw unread ?? (signal?.aborted ? error : connectionError(error));
  });
  const text = await response.text();
  if (!response.ok) throw new RemoteAPIError(response.status, text);
}
