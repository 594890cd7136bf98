import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, statfs } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { randomId } from '../../lib/id.ts';
import { tryParseDigest } from '../digest.ts';
import { RegistryError } from './registry-error.ts';

/** A blob on its way in. */
export interface Upload {
  readonly id: string;
  /** The repository that it is for: `workspace/repository`. */
  readonly owner: string;
  readonly sizeBytes: number;
}

export interface UploadLimits {
  maxUploads: number;
  maxUploadsPerWorkspace: number;
  maxBlobBytes: number;
  /** Below this no upload begins: sandboxes and the database need the rest. */
  minFreeBytes: number;
  /** An upload that nobody touches for this long is given up. */
  idleMs: number;
}

export const defaultUploadLimits: UploadLimits = {
  maxUploads: 1000,
  maxUploadsPerWorkspace: 100,
  maxBlobBytes: 64 * 1024 ** 3,
  minFreeBytes: 512 * 1024 ** 2,
  idleMs: 30 * 60_000,
};

interface Session extends Upload {
  sizeBytes: number;
  path: string;
  hash: Hash;
  file: FileHandle;
  touchedAt: number;
  isBusy: boolean;
}

export type UploadStore = ReturnType<typeof createUploadStore>;

/**
 * Uploads in flight, as files of a directory that is emptied when the server starts: a client whose upload is unknown
 * afterwards begins again, which all of them can.
 */
export function createUploadStore(dir: string, limits: UploadLimits, now: () => number) {
  const sessions = new Map<string, Session>();

  const drop = async (session: Session): Promise<void> => {
    sessions.delete(session.id);
    await session.file.close().catch(() => {});
    await rm(session.path, { force: true });
  };
  const expire = async (): Promise<void> => {
    const oldest = now() - limits.idleMs;
    const idle = [...sessions.values()].filter(({ isBusy, touchedAt }) => !isBusy && touchedAt < oldest);
    await Promise.all(idle.map(drop));
  };
  const verifyRoom = (owner: string): void => {
    const own = [...sessions.values()].filter((one) => workspaceOf(one.owner) === workspaceOf(owner)).length;
    if (sessions.size < limits.maxUploads && own < limits.maxUploadsPerWorkspace) return;
    throw new RegistryError('too_many_requests', 'too many uploads are in flight');
  };
  const get = (owner: string, id: string): Session => {
    const session = sessions.get(id);
    if (session?.owner === owner) return session;
    throw new RegistryError('blob_upload_unknown', `no upload ${id.slice(0, 64)} in this repository`);
  };
  const exclusively = async <T>(session: Session, work: () => Promise<T>): Promise<T> => {
    if (session.isBusy) throw new RegistryError('busy', 'another request is writing to this upload');
    session.isBusy = true;
    try {
      return await work();
    } finally {
      session.isBusy = false;
      session.touchedAt = now();
    }
  };

  return {
    async begin(owner: string): Promise<Upload> {
      await expire();
      verifyRoom(owner);
      await verifyDisk(dir, limits.minFreeBytes);
      const id = randomId(32);
      const path = join(dir, `upload-${id}`);
      const file = await open(path, 'wx', 0o600);
      const session = { id, owner, path, file, sizeBytes: 0, hash: createHash('sha256') };
      sessions.set(id, { ...session, touchedAt: now(), isBusy: false });
      return get(owner, id);
    },
    find: (owner: string, id: string): Upload => get(owner, id),
    /**
     * Adds bytes at the end. What arrived before a failure stays: the client asks how far it got. Not on a full disk,
     * which would stay full for as long as the upload is waited for.
     */
    append: (owner: string, id: string, chunks: AsyncIterable<Buffer>, at?: number): Promise<Upload> => {
      const session = get(owner, id);
      return exclusively(session, async () => {
        if (at !== undefined && at !== session.sizeBytes) throw wrongPlace(session);
        try {
          for await (const chunk of chunks) await write(session, chunk, limits.maxBlobBytes);
        } catch (error) {
          if (isDiskFull(error)) await drop(session);
          throw error;
        }
        return session;
      });
    },
    /** Hands a finished file over, synced and verified. One that is not what was promised is removed. */
    finish: (
      owner: string,
      id: string,
      digest: string,
      take: (path: string, sizeBytes: number) => Promise<void>,
    ) => {
      const session = get(owner, id);
      return exclusively(session, async () => {
        try {
          await session.file.sync();
          await verify(session, digest);
          await take(session.path, session.sizeBytes);
        } finally {
          await drop(session);
        }
      });
    },
    cancel: async (owner: string, id: string): Promise<void> => {
      const session = get(owner, id);
      await exclusively(session, () => drop(session));
    },
    expire,
    /** Who has an upload in flight. */
    owners: (): string[] => [...new Set([...sessions.values()].map(({ owner }) => owner))],
    closeAll: async (): Promise<void> => {
      await Promise.all([...sessions.values()].map(drop));
    },
  };
}

const isDiskFull = (error: unknown): boolean => error instanceof RegistryError && error.kind === 'disk_full';

const workspaceOf = (owner: string): string => owner.slice(0, owner.indexOf('/'));

async function verifyDisk(dir: string, minFreeBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  if (bavail * bsize >= minFreeBytes) return;
  throw new RegistryError('disk_full', 'the disk of the server is nearly full');
}

async function write(session: Session, chunk: Buffer, maxBytes: number): Promise<void> {
  if (session.sizeBytes + chunk.length > maxBytes)
    throw new RegistryError('too_large', `a blob has at most ${maxBytes} bytes`);
  let written = 0;
  try {
    while (written < chunk.length) {
      const rest = chunk.subarray(written);
      const { bytesWritten } = await session.file.write(rest, 0, rest.length, session.sizeBytes);
      session.hash.update(rest.subarray(0, bytesWritten));
      session.sizeBytes += bytesWritten;
      written += bytesWritten;
    }
  } catch (error) {
    const isFull = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
    throw isFull ? new RegistryError('disk_full', 'no room for the blob', { cause: error }) : error;
  }
}

async function verify(session: Session, expected: string): Promise<void> {
  const algorithm = tryParseDigest(expected)?.algorithm;
  if (algorithm === undefined)
    throw new RegistryError('digest_invalid', `not a sha256 or sha512 digest: ${expected.slice(0, 200)}`);
  const hex = algorithm === 'sha256' ? session.hash.digest('hex') : await hashFile(session.path, algorithm);
  const actual = `${algorithm}:${hex}`;
  if (actual === expected) return;
  throw new RegistryError('digest_invalid', `the blob has digest ${actual} instead of ${expected}`);
}

async function hashFile(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk);
  return hash.digest('hex');
}

const wrongPlace = ({ sizeBytes, id }: Session): RegistryError =>
  new RegistryError('range_invalid', `the upload has ${sizeBytes} bytes: go on there`, {
    detail: { id, sizeBytes },
  });
