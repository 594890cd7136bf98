import { reservedWorkspaces } from '@atoll/protocol';
import type { Db } from '../../store/db.ts';
import { moveTag, noteUntagged } from '../image-records.ts';
import { sharedFrom, verifyNotShared } from '../shared-names.ts';
import type { ManifestDocument } from './manifest-document.ts';

/** A repository by its owner and name. */
export interface Repository {
  workspaceId: string;
  repository: string;
}

export interface StoredManifest {
  digest: string;
  mediaType: string;
}

export interface Referrer extends StoredManifest {
  artifactType: string | null;
  annotations: string | null;
  sizeBytes: number;
}

export type RepositoryRecords = ReturnType<typeof createRepositoryRecords>;

/** The rows of repositories. Every method is synchronous, so that callers can join them in one transaction. */
export function createRepositoryRecords(db: Db, now: () => number) {
  const manifest = (at: Repository, digest: string): StoredManifest | undefined =>
    db.get<StoredManifest>(
      `SELECT m.digest, m.media_type AS mediaType FROM repository_manifests r
         JOIN registry_manifests m ON m.digest = r.digest
         WHERE r.workspace_id = ? AND r.repository = ? AND r.digest = ?`,
      at.workspaceId,
      at.repository,
      digest,
    );
  return {
    transaction: db.transaction,
    manifest,
    isPublic: ({ workspaceId, repository }: Repository): boolean | undefined => {
      const select = 'SELECT is_public FROM image_repositories WHERE workspace_id = ? AND name = ?';
      const row = db.get<{ is_public: number }>(select, workspaceId, repository);
      return row && row.is_public === 1;
    },
    /** What a name means in its workspace: while an image is shared with it, that of its owner. */
    meant: (at: Repository): Repository => ({
      ...at,
      workspaceId: sharedFrom(db, at)?.id ?? at.workspaceId,
    }),
    ensureRepository: ({ workspaceId, repository }: Repository): void =>
      void db.run(
        'INSERT OR IGNORE INTO image_repositories VALUES (?, ?, 0, ?)',
        workspaceId,
        repository,
        now(),
      ),
    /** Size of a blob that was uploaded to the repository or belongs to one of its manifests. */
    blobSize: (at: Repository, digest: string): number | undefined =>
      db.get<{ size: number }>(
        `SELECT size_bytes AS size FROM blobs WHERE digest = ?3 AND (
           EXISTS (SELECT 1 FROM repository_blobs WHERE workspace_id = ?1 AND repository = ?2 AND digest = ?3)
           OR EXISTS (SELECT 1 FROM repository_manifests WHERE workspace_id = ?1 AND repository = ?2 AND digest = ?3)
           OR EXISTS (SELECT 1 FROM registry_edges e JOIN repository_manifests r ON r.digest = e.manifest_digest
             WHERE e.target_digest = ?3 AND r.workspace_id = ?1 AND r.repository = ?2))`,
        at.workspaceId,
        at.repository,
        digest,
      )?.size,
    /** Whether some repository of the workspace, or a base image, has the blob. */
    isVisible: (workspaceId: string, digest: string): boolean =>
      db.get(
        `SELECT 1 FROM registry_edges e JOIN repository_manifests r ON r.digest = e.manifest_digest
           WHERE e.target_digest = ? AND r.workspace_id IN (?, ?, ?)`,
        digest,
        workspaceId,
        ...reservedWorkspaces,
      ) !== undefined,
    addBlob: (at: Repository, digest: string, sizeBytes: number): void =>
      db.transaction(() => {
        db.run('INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)', digest, sizeBytes, now());
        db.run(
          'INSERT OR IGNORE INTO repository_blobs VALUES (?, ?, ?, ?)',
          at.workspaceId,
          at.repository,
          digest,
          now(),
        );
      }),
    removeBlob: (at: Repository, digest: string): void =>
      void db.run(
        'DELETE FROM repository_blobs WHERE workspace_id = ? AND repository = ? AND digest = ?',
        at.workspaceId,
        at.repository,
        digest,
      ),
    /** A manifest of the repository that needs the blob. */
    userOf: (at: Repository, digest: string): string | undefined =>
      db.get<{ digest: string }>(
        `SELECT r.digest FROM registry_edges e JOIN repository_manifests r ON r.digest = e.manifest_digest
           WHERE e.target_digest = ? AND r.workspace_id = ? AND r.repository = ? LIMIT 1`,
        digest,
        at.workspaceId,
        at.repository,
      )?.digest,
    addManifest: (at: Repository, document: ManifestDocument): void =>
      db.transaction(() => addManifest(db, at, document, now())),
    removeManifest: (at: Repository, digest: string): void =>
      db.transaction(() => {
        verifyNotShared(db, at);
        removeManifest(db, at, digest, now());
      }),
    tagged: (at: Repository, tag: string): StoredManifest | undefined => {
      const row = db.get<{ digest: string }>(
        'SELECT digest FROM image_tags WHERE workspace_id = ? AND repository = ? AND tag = ?',
        at.workspaceId,
        at.repository,
        tag,
      );
      return row && manifest(at, row.digest);
    },
    /** Tags something that no sandbox can start from. */
    tagArtifact: (at: Repository, tag: string, digest: string): void =>
      moveTag(db, { ...at, tag, digest }, now()),
    isTagged: (at: Repository, digest: string): boolean =>
      db.get(
        `SELECT 1 FROM image_tags t LEFT JOIN images i ON i.id = t.image_id
           WHERE t.workspace_id = ?1 AND t.repository = ?2 AND (t.digest = ?3 OR i.manifest_digest = ?3)`,
        at.workspaceId,
        at.repository,
        digest,
      ) !== undefined,
    removeTag: (at: Repository, tag: string): boolean =>
      db.transaction(() => {
        verifyNotShared(db, at);
        const remove = 'DELETE FROM image_tags WHERE workspace_id = ? AND repository = ? AND tag = ?';
        const count = db.run(remove, at.workspaceId, at.repository, tag);
        noteUntagged(db, at.workspaceId, at.repository, now());
        return count === 1;
      }),
    /** In the order of their bytes, as the spec wants them. */
    tags: (at: Repository, after: string, limit: number): string[] =>
      db
        .all<{ tag: string }>(
          'SELECT tag FROM image_tags WHERE workspace_id = ? AND repository = ? AND tag > ? ORDER BY tag LIMIT ?',
          at.workspaceId,
          at.repository,
          after,
          limit,
        )
        .map(({ tag }) => tag),
    repositories: (workspaceId: string, after: string, limit: number): string[] =>
      db
        .all<{ name: string }>(
          `SELECT name FROM image_repositories r WHERE workspace_id = ?1 AND name > ?2
             AND EXISTS (SELECT 1 FROM repository_manifests m WHERE m.workspace_id = ?1 AND m.repository = r.name)
             ORDER BY name LIMIT ?3`,
          workspaceId,
          after,
          limit,
        )
        .map(({ name }) => name),
    referrers: (
      at: Repository,
      subject: string,
      page: ReferrerPage,
    ): { shown: Referrer[]; hasMore: boolean } => readReferrers(db, at, subject, page),
    /** Of these manifests the first that sandboxes can start from. */
    firstImage: (digests: readonly string[]): string | undefined =>
      digests.find((digest) => db.get('SELECT 1 FROM manifests WHERE digest = ?', digest) !== undefined),
  };
}

function addManifest(
  db: Db,
  { workspaceId, repository }: Repository,
  document: ManifestDocument,
  now: number,
): void {
  const { digest, mediaType, bytes, blobs, children } = document;
  db.run('INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)', digest, bytes.length, now);
  db.run(
    'INSERT OR IGNORE INTO registry_manifests VALUES (?, ?, ?, ?, ?, ?)',
    digest,
    mediaType,
    document.artifactType ?? null,
    document.subject ?? null,
    document.annotations === undefined ? null : JSON.stringify(document.annotations),
    now,
  );
  for (const target of [...blobs, ...children]) {
    db.run('INSERT OR IGNORE INTO registry_edges VALUES (?, ?)', digest, target.digest);
  }
  db.run(
    'INSERT OR REPLACE INTO repository_manifests VALUES (?, ?, ?, ?)',
    workspaceId,
    repository,
    digest,
    now,
  );
}

/** With the manifest go its tags and the images that were registered from it under this name. */
function removeManifest(db: Db, { workspaceId, repository }: Repository, digest: string, now: number): void {
  const where = 'workspace_id = ? AND repository = ?';
  const images = `SELECT id FROM images WHERE ${where} AND manifest_digest = ?`;
  const here = [workspaceId, repository] as const;
  db.run(`DELETE FROM image_tags WHERE ${where} AND digest = ?`, ...here, digest);
  db.run(
    `DELETE FROM images WHERE id IN (${images}) AND id NOT IN (SELECT image_id FROM image_tags WHERE image_id IS NOT NULL)`,
    ...here,
    digest,
  );
  db.run(`DELETE FROM repository_manifests WHERE ${where} AND digest = ?`, ...here, digest);
  noteUntagged(db, workspaceId, repository, now);
}

export interface ReferrerPage {
  /** Of the last one before. */
  after: string;
  limit: number;
  artifactType?: string;
}

/** An index is a manifest, and those have at most 4 MiB (OCI distribution spec, listing referrers); with room for JSON. */
const MAX_INDEX_BYTES = 3 * 1024 * 1024;
const BYTES_BESIDE_ANNOTATIONS = 512;
/** Each can bring annotations of the size of a manifest, so few are in memory at once. */
const REFERRERS_AT_ONCE = 8;

function readReferrers(
  db: Db,
  at: Repository,
  subject: string,
  { after, limit, artifactType }: ReferrerPage,
): { shown: Referrer[]; hasMore: boolean } {
  const shown: Referrer[] = [];
  let bytes = 0;
  for (;;) {
    const batch = db.all<Referrer>(
      `SELECT m.digest, m.media_type AS mediaType, m.artifact_type AS artifactType, m.annotations,
           b.size_bytes AS sizeBytes
         FROM registry_manifests m JOIN blobs b ON b.digest = m.digest
         JOIN repository_manifests r ON r.digest = m.digest
         WHERE m.subject_digest = ?1 AND r.workspace_id = ?2 AND r.repository = ?3 AND m.digest > ?4
           AND m.artifact_type IS ifnull(?5, m.artifact_type)
         ORDER BY m.digest LIMIT ?6`,
      subject,
      at.workspaceId,
      at.repository,
      shown.at(-1)?.digest ?? after,
      artifactType ?? null,
      REFERRERS_AT_ONCE,
    );
    for (const referrer of batch) {
      bytes += BYTES_BESIDE_ANNOTATIONS + Buffer.byteLength(referrer.annotations ?? '');
      // One that is larger than a page is a page.
      if (shown.length >= limit || (shown.length > 0 && bytes > MAX_INDEX_BYTES))
        return { shown, hasMore: true };
      shown.push(referrer);
    }
    if (batch.length < REFERRERS_AT_ONCE) return { shown, hasMore: false };
  }
}
