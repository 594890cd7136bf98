import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Registry } from '../../image/registry/registry.ts';
import { RegistryError } from '../../image/registry/registry-error.ts';
import type { OciAccess } from './oci-access.ts';
import type { OciRequest } from './oci-request.ts';

const CHUNK_BYTES = 256 * 1024;

/** GET and HEAD of a blob, whole or a range of it. */
export async function sendBlob(
  registry: Registry,
  access: OciAccess,
  digest: string,
  { request, response }: OciRequest,
): Promise<void> {
  const blob = registry.findBlob(access.at, digest);
  if (blob === undefined) throw unknownBlob(digest);
  // Who asks is about to push, and counts on what it was told.
  if (access.canWrite) registry.hold(access.at, digest);
  const file = await openBlob(blob.path, digest);
  try {
    const range = rangeOf(request.headers.range, blob.sizeBytes);
    const headers = {
      'content-type': 'application/octet-stream',
      'docker-content-digest': digest,
      'accept-ranges': 'bytes',
      etag: `"${digest}"`,
    };
    if (range === 'unsatisfiable') {
      response.writeHead(416, { ...headers, 'content-range': `bytes */${blob.sizeBytes}` }).end();
      return;
    }
    const { start, end } = range ?? { start: 0, end: blob.sizeBytes - 1 };
    response.writeHead(range ? 206 : 200, {
      ...headers,
      'content-length': end - start + 1,
      ...(range && { 'content-range': `bytes ${start}-${end}/${blob.sizeBytes}` }),
    });
    if (request.method === 'HEAD' || end < start) return void response.end();
    const stream = file.createReadStream({ start, end, highWaterMark: CHUNK_BYTES, autoClose: false });
    await pipeline(stream, response);
  } finally {
    await file.close();
  }
}

/** Garbage collection may have been faster; once open, the bytes stay. */
async function openBlob(path: string, digest: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw unknownBlob(digest);
    throw error;
  }
}

const unknownBlob = (digest: string): RegistryError =>
  new RegistryError('blob_unknown', `no blob ${digest.slice(0, 200)} in this repository`);

interface Range {
  start: number;
  end: number;
}

/** One range of bytes (RFC 9110, 14.1.2). What is not understood is ignored, as the RFC asks. */
export function rangeOf(header: string | undefined, sizeBytes: number): Range | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const start = Math.max(0, sizeBytes - Number(last));
    return Number(last) === 0 || sizeBytes === 0 ? 'unsatisfiable' : { start, end: sizeBytes - 1 };
  }
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (last !== '' && Number(last) < Number(first)) return undefined;
  return Number(first) < sizeBytes ? { start: Number(first), end } : 'unsatisfiable';
}
