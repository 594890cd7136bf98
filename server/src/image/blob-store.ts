import { createReadStream, createWriteStream, existsSync, readdirSync, renameSync, statSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ApiError } from '@atoll/protocol';
import { randomId } from '../lib/id.ts';
import { createVerifier, digestPath } from './digest.ts';
import { publish } from './durable.ts';
import { createSingleFlight } from '../lib/single-flight.ts';

export interface BlobStore {
  /** Where a blob of this digest is or would be. */
  path(digest: string): string;
  has(digest: string): boolean;
  /** Copies a file in, verifying size and digest; does nothing when the blob is here. */
  add(digest: string, sizeBytes: number, source: string, signal: AbortSignal): Promise<void>;
  /** Takes a synced file whose digest was verified; it is moved or removed. */
  adopt(digest: string, file: string): Promise<void>;
  /** Holds files on their way in; emptied on opening. */
  readonly tempDir: string;
  /** Everything that is here. */
  digests(): string[];
  sizeBytes(digest: string): number;
  /** Moves a blob out of sight, in one step. Its bytes stay until the trash is emptied. */
  discard(digest: string): void;
  emptyTrash(): Promise<void>;
  /** Takes back what a power loss made needed again, and empties the trash. */
  recoverTrash(isNeeded: (digest: string) => boolean): Promise<void>;
  /** Resolves when no copy is in flight. */
  settled(): Promise<void>;
}

const algorithms = ['sha256', 'sha512'] as const;
const namesIn = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir) : []);

const COPY_TIMEOUT_MS = 30 * 60_000;

/** Content-addressed files. Temporary ones of an earlier process are removed on opening. */
export async function openBlobStore(dir: string, closing: AbortSignal): Promise<BlobStore> {
  const tempDir = join(dir, 'tmp');
  await rm(tempDir, { recursive: true, force: true });
  await mkdir(tempDir, { recursive: true, mode: 0o700 });
  const trash = join(dir, 'trash');
  await mkdir(trash, { recursive: true, mode: 0o700 });
  const flights = createSingleFlight<void>();
  const path = (digest: string): string => join(dir, digestPath(digest));
  const has = (digest: string): boolean => existsSync(path(digest));
  const copy = async (digest: string, sizeBytes: number, source: string): Promise<void> => {
    const temp = join(tempDir, randomId(16));
    const signal = AbortSignal.any([closing, AbortSignal.timeout(COPY_TIMEOUT_MS)]);
    try {
      await copyVerified(digest, sizeBytes, source, temp, signal);
      await publish(temp, path(digest));
    } finally {
      await rm(temp, { force: true });
    }
  };
  const emptyTrash = async (): Promise<void> => {
    for (const name of await readdir(trash)) await rm(join(trash, name), { force: true });
  };
  return {
    path,
    has,
    tempDir,
    async adopt(digest, file) {
      if (has(digest)) await rm(file, { force: true });
      else await publish(file, path(digest));
    },
    async add(digest, sizeBytes, source, signal) {
      if (!has(digest)) await flights.join(digest, () => copy(digest, sizeBytes, source), signal);
    },
    digests: () =>
      algorithms.flatMap((algorithm) => namesIn(join(dir, algorithm)).map((hex) => `${algorithm}:${hex}`)),
    sizeBytes: (digest) => statSync(path(digest)).size,
    discard: (digest) => renameSync(path(digest), join(trash, digest.replace(':', '-'))),
    emptyTrash,
    async recoverTrash(isNeeded) {
      for (const name of await readdir(trash)) {
        const digest = name.replace('-', ':');
        if (isNeeded(digest) && !has(digest)) await publish(join(trash, name), path(digest));
      }
      await emptyTrash();
    },
    settled: flights.settled,
  };
}

async function copyVerified(
  digest: string,
  sizeBytes: number,
  source: string,
  temp: string,
  signal: AbortSignal,
): Promise<void> {
  const actual = (await stat(source)).size;
  if (actual !== sizeBytes) {
    throw new ApiError('invalid_request', `blob ${digest} has ${actual} bytes instead of ${sizeBytes}`, {
      hint: 'The image is damaged or incomplete: fetch or build it again.',
    });
  }
  const verifier = createVerifier(digest, 'the blob');
  async function* verified(chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      verifier.update(chunk);
      yield chunk;
    }
    verifier.verify();
  }
  const output = createWriteStream(temp, { flags: 'wx', mode: 0o600, flush: true });
  await pipeline(createReadStream(source, { highWaterMark: 1024 * 1024 }), verified, output, { signal });
}
