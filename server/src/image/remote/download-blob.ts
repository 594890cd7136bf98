import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { ApiError } from '@atoll/protocol';
import { createVerifier } from '../digest.ts';
import { ConnectionFailure } from './remote-http.ts';
import type { RemoteResponse } from './remote-http.ts';
import type { RegistrySession } from './registry-session.ts';

interface Options {
  session: RegistrySession;
  digest: string;
  sizeBytes: number;
  /** Of the new file. */
  path: string;
  onBytes: (receivedBytes: number) => void;
}

/** How often a body may break off without a byte of progress. */
const MAX_IDLE_ATTEMPTS = 4;

/** Fetches a blob into a file, going on where a connection broke off. What comes has to be what was announced. */
export async function downloadBlob(options: Options): Promise<void> {
  const file = await open(options.path, 'wx', 0o600);
  try {
    const verify = await fill(file, options);
    await file.sync();
    verify();
  } finally {
    await file.close();
  }
}

async function fill(file: FileHandle, options: Options): Promise<() => void> {
  const { session, digest, sizeBytes } = options;
  let verifier = createVerifier(digest, 'the downloaded blob');
  let idleAttempts = 0;
  while (verifier.sizeBytes() < sizeBytes) {
    const start = verifier.sizeBytes();
    const response = await session.get(`blobs/${digest}`, start > 0 ? { range: `bytes=${start}-` } : {});
    // A registry without ranges begins again.
    if (start > 0 && !continuesAt(response, start)) verifier = createVerifier(digest, 'the downloaded blob');
    verifyLength(response, sizeBytes - verifier.sizeBytes(), digest);
    const failure = await append(file, response, verifier, options);
    if (failure === undefined && verifier.sizeBytes() < sizeBytes) throw lied(digest, 'fewer', sizeBytes);
    idleAttempts = verifier.sizeBytes() > start ? 0 : idleAttempts + 1;
    if (failure && idleAttempts >= MAX_IDLE_ATTEMPTS) throw brokenOff(digest, failure);
  }
  return verifier.verify;
}

async function append(
  file: FileHandle,
  response: RemoteResponse,
  verifier: ReturnType<typeof createVerifier>,
  { digest, sizeBytes, onBytes }: Options,
): Promise<ConnectionFailure | undefined> {
  try {
    for await (const chunk of response.chunks()) {
      const at = verifier.sizeBytes();
      if (at + chunk.length > sizeBytes) throw lied(digest, 'more', sizeBytes);
      await writeAt(file, chunk, at);
      verifier.update(chunk);
      onBytes(verifier.sizeBytes());
    }
    return undefined;
  } catch (error) {
    if (error instanceof ConnectionFailure) return error;
    const isFull = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
    throw isFull ? new ApiError('host_out_of_disk', `no room for ${digest}`, { cause: error }) : error;
  }
}

async function writeAt(file: FileHandle, chunk: Buffer, at: number): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, written, chunk.length - written, at + written);
    written += bytesWritten;
  }
}

function continuesAt(response: RemoteResponse, start: number): boolean {
  const range = response.head.headers.get('content-range') ?? '';
  return response.head.status === 206 && range.startsWith(`bytes ${start}-`);
}

function verifyLength({ head }: RemoteResponse, expected: number, digest: string): void {
  const announced = head.headers.get('content-length');
  if (announced === null || Number(announced) === expected) return;
  throw lied(digest, Number(announced) > expected ? 'more' : 'fewer', expected);
}

const lied = (digest: string, what: string, sizeBytes: number): ApiError =>
  new ApiError(
    'registry_failed',
    `the registry sends ${what} bytes for ${digest} than the ${sizeBytes} it announced`,
  );

const brokenOff = (digest: string, cause: Error): ApiError =>
  new ApiError('registry_failed', `the download of ${digest} breaks off again and again`, { cause });
