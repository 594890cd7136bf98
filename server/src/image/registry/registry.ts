import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomId } from '../../lib/id.ts';
import type { BlobStore } from '../blob-store.ts';
import { tryParseDigest } from '../digest.ts';
import { syncPath } from '../durable.ts';
import type { ImageRecords } from '../image-records.ts';
import { tryParseReference } from '../image-name.ts';
import { findPlatform } from '../platform.ts';
import { readDocument } from './manifest-document.ts';
import type { ManifestDocument } from './manifest-document.ts';
import { RegistryError } from './registry-error.ts';
import type {
  Referrer,
  ReferrerPage,
  Repository,
  RepositoryRecords,
  StoredManifest,
} from './repository-records.ts';
import { readRunnable } from './runnable-image.ts';
import type { UploadStore } from './upload-store.ts';

export type { Referrer, Repository, StoredManifest };

interface Options {
  blobs: BlobStore;
  records: ImageRecords;
  repositories: RepositoryRecords;
  uploads: UploadStore;
  /** Called with an image that was given a tag, to have it unpacked before it is used. */
  onImage: (manifestDigest: string) => void;
}

export interface PutManifest {
  digest: string;
  subject?: string;
}

export type Registry = ReturnType<typeof createRegistry>;

/** What is pushed here stays until its push had the time to name it by a manifest. */
export const pushLease = (at: Repository): string => `push:${ownerOf(at)}`;
const ownerOf = ({ workspaceId, repository }: Repository): string => `${workspaceId}/${repository}`;

/** Repositories of blobs, manifests and tags as the OCI distribution spec has them; who may do what is asked before. */
export function createRegistry({ blobs, records, repositories, uploads, onImage }: Options) {
  const hold = (at: Repository, ...digests: string[]): void => records.lease(pushLease(at), digests);
  const find = (at: Repository, reference: string): StoredManifest => {
    const isDigest = tryParseDigest(reference) !== undefined;
    const found = isDigest ? repositories.manifest(at, reference) : repositories.tagged(at, reference);
    if (found) return found;
    throw new RegistryError('manifest_unknown', `no manifest ${reference.slice(0, 200)} in ${at.repository}`);
  };
  const store = async (document: ManifestDocument): Promise<void> => {
    if (blobs.has(document.digest)) return;
    const temp = join(blobs.tempDir, randomId(16));
    await writeFile(temp, document.bytes, { flag: 'wx', mode: 0o600 });
    await syncPath(temp);
    await blobs.adopt(document.digest, temp);
  };
  const register = (at: Repository, tag: string, document: ManifestDocument): void => {
    const machines = findPlatform(document.children)?.digest;
    const image = repositories.firstImage([document.digest, ...(machines === undefined ? [] : [machines])]);
    if (image === undefined) return repositories.tagArtifact(at, tag, document.digest);
    const isPublic = repositories.isPublic(at) ?? false;
    records.register({ ...at, tag, isPublic, namedDigest: document.digest }, image);
    onImage(image);
  };

  return {
    isPublic: repositories.isPublic,
    meant: repositories.meant,
    verifyName,

    /** A blob that the repository may read; absent otherwise, also when it is here for others. */
    findBlob: (at: Repository, digest: string): { sizeBytes: number; path: string } | undefined => {
      const sizeBytes = repositories.blobSize(at, parseKnown(digest));
      return sizeBytes === undefined ? undefined : { sizeBytes, path: blobs.path(digest) };
    },
    hold,
    beginUpload: (at: Repository) => uploads.begin(ownerOf(at)),
    findUpload: (at: Repository, id: string) => uploads.find(ownerOf(at), id),
    append: (at: Repository, id: string, chunks: AsyncIterable<Buffer>, start?: number) =>
      uploads.append(ownerOf(at), id, chunks, start),
    cancelUpload: (at: Repository, id: string) => uploads.cancel(ownerOf(at), id),
    finishUpload: (at: Repository, id: string, digest: string): Promise<void> =>
      uploads.finish(ownerOf(at), id, digest, async (path, sizeBytes) => {
        hold(at, digest);
        await blobs.adopt(digest, path);
        repositories.transaction(() => {
          repositories.ensureRepository(at);
          repositories.addBlob(at, digest, sizeBytes);
        });
      }),
    /** Makes a blob of one repository readable in another without a byte moved. */
    mountBlob: (at: Repository, from: Repository, digest: string): boolean =>
      repositories.transaction(() => {
        const sizeBytes = repositories.blobSize(from, digest);
        if (sizeBytes === undefined) return false;
        hold(at, digest);
        repositories.ensureRepository(at);
        repositories.addBlob(at, digest, sizeBytes);
        return true;
      }),
    removeBlob: (at: Repository, digest: string): void => {
      if (repositories.blobSize(at, parseKnown(digest)) === undefined)
        throw new RegistryError('blob_unknown', `no blob ${digest} in ${at.repository}`);
      const user = repositories.userOf(at, digest);
      if (user !== undefined)
        throw new RegistryError('unsupported', `the manifest ${user} needs this blob: delete that first`);
      repositories.removeBlob(at, digest);
    },

    readManifest: async (at: Repository, reference: string): Promise<StoredManifest & { bytes: Buffer }> => {
      const found = find(at, reference);
      return { ...found, bytes: await readFile(blobs.path(found.digest)) };
    },
    /** Stores a manifest, whose parts have to be here, and points the tag to it when `reference` is one. */
    putManifest: async (
      at: Repository,
      reference: string,
      bytes: Buffer,
      contentType: string | undefined,
    ): Promise<PutManifest> => {
      if (tryParseDigest(reference) === undefined) verifyName(at.repository, reference);
      const document = readDocument(bytes, contentType, reference);
      const parts = [...document.blobs, ...document.children].map(({ digest }) => digest);
      verifyParts(repositories, at, document);
      hold(at, document.digest, ...parts);
      await store(document);
      const image = await readRunnable(document, blobs);
      repositories.transaction(() => {
        verifyParts(repositories, at, document);
        repositories.ensureRepository(at);
        repositories.addManifest(at, document);
        if (image) records.addManifest(image);
        if (tryParseDigest(reference) === undefined) register(at, reference, document);
      });
      const { digest, subject } = document;
      return subject === undefined ? { digest } : { digest, subject };
    },
    removeManifest: (at: Repository, reference: string): void => {
      const { digest } = find(at, reference);
      if (tryParseDigest(reference)) repositories.removeManifest(at, digest);
      else repositories.removeTag(at, reference);
    },

    tags: repositories.tags,
    repositories: repositories.repositories,
    referrers: (at: Repository, digest: string, page: ReferrerPage) =>
      repositories.referrers(at, parseKnown(digest), page),
  };
}

/** Refuses repositories and tags that no reference could address. */
function verifyName(repository: string, tag = 'latest'): void {
  const reference = tryParseReference(`${repository}:${tag}`);
  if (reference !== undefined && reference.workspace === undefined) return;
  throw new RegistryError(
    'name_invalid',
    `not a repository and tag: ${`${repository}:${tag}`.slice(0, 300)}`,
  );
}

function parseKnown(digest: string): string {
  if (tryParseDigest(digest)) return digest;
  throw new RegistryError('digest_invalid', `not a sha256 or sha512 digest: ${digest.slice(0, 200)}`);
}

function verifyParts(repositories: RepositoryRecords, at: Repository, document: ManifestDocument): void {
  for (const { digest, size } of document.blobs) {
    verifySize(digest, size, repositories.blobSize(at, digest));
  }
  for (const { digest, size } of document.children) {
    const isHere = repositories.manifest(at, digest) !== undefined;
    verifySize(digest, size, isHere ? repositories.blobSize(at, digest) : undefined);
  }
}

function verifySize(digest: string, expected: number, actual: number | undefined): void {
  if (actual === undefined)
    throw new RegistryError('manifest_blob_unknown', `${digest} is not in this repository`, {
      detail: { digest },
    });
  if (actual !== expected)
    throw new RegistryError(
      'manifest_invalid',
      `${digest} has ${actual} bytes, the manifest says ${expected}`,
    );
}
