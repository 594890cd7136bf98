import { ApiError, reservedWorkspaces } from '@atoll/protocol';
import { randomId } from '../lib/id.ts';
import type { Db } from '../store/db.ts';
import { isReservedWorkspace } from './image-name.ts';
import type { LayoutImage } from './oci-layout.ts';

/** Where an image came from, as `describe` shows it. */
export interface Provenance {
  /** What it was made from: `Debian 13 (trixie)`. */
  base?: string;
  /** What it stands in for, where the original could not be reached, and why. */
  substitutedFor?: string;
  substitutionReason?: string;
}

export interface Registration extends Provenance {
  workspaceId: string;
  repository: string;
  tag: string;
  isPublic: boolean;
}

export interface ImageRow {
  id: string;
  workspace_id: string;
  repository: string;
  tag: string | null;
  manifest_digest: string;
  is_public: number;
  base: string | null;
  substituted_for: string | null;
  substitution_reason: string | null;
  created_at: number;
  config: string;
}

export interface LayerRow {
  diff_id: string;
  blob_digest: string;
}

/** Who keeps a manifest alive besides names: a sandbox, a snapshot. */
export interface ReferenceHolder {
  kind: string;
  id: string;
}

export type ImageRecords = ReturnType<typeof createImageRecords>;

const imageColumns = `i.id, i.workspace_id, i.repository, i.manifest_digest, i.base, i.substituted_for,
  i.substitution_reason, i.created_at, r.is_public, m.config`;
const imageJoins = `JOIN image_repositories r ON r.workspace_id = i.workspace_id AND r.name = i.repository
  JOIN manifests m ON m.digest = i.manifest_digest`;
const byTag = `SELECT ${imageColumns}, t.tag FROM image_tags t JOIN images i ON i.id = t.image_id ${imageJoins}`;
const byId = `SELECT ${imageColumns}, (SELECT tag FROM image_tags t WHERE t.image_id = i.id LIMIT 1) AS tag
  FROM images i ${imageJoins}`;

/** The rows of images. Every method is synchronous, so that callers can join them in one transaction. */
export function createImageRecords(db: Db, now: () => number) {
  return {
    findByTag: (workspaceId: string, repository: string, tag: string): ImageRow | undefined =>
      db.get<ImageRow>(
        `${byTag} WHERE t.workspace_id = ? AND t.repository = ? AND t.tag = ?`,
        workspaceId,
        repository,
        tag,
      ),
    findPublic: (repository: string, tag: string): ImageRow | undefined =>
      db.get<ImageRow>(
        `${byTag} WHERE r.is_public = 1 AND t.repository = ? AND t.tag = ? AND t.workspace_id NOT IN (?, ?)`,
        repository,
        tag,
        ...reservedWorkspaces,
      ),
    findById: (id: string): ImageRow | undefined => db.get<ImageRow>(`${byId} WHERE i.id = ?`, id),
    /** The workspace's own images and the public ones. */
    list: (workspaceId: string): ImageRow[] =>
      db.all<ImageRow>(
        `${byTag} WHERE t.workspace_id = ?1 OR r.is_public = 1 ORDER BY t.workspace_id <> ?1, t.repository, t.tag`,
        workspaceId,
      ),
    layers: (manifestDigest: string): LayerRow[] =>
      db.all<LayerRow>(
        `SELECT diff_id, blob_digest FROM manifest_blobs WHERE manifest_digest = ? AND role = 'layer' ORDER BY position`,
        manifestDigest,
      ),
    sizeBytes: (manifestDigest: string): number =>
      db.get<{ size: number }>(
        `SELECT coalesce(sum(size_bytes), 0) AS size FROM blobs WHERE digest IN
           (SELECT blob_digest FROM manifest_blobs WHERE manifest_digest = ?)`,
        manifestDigest,
      )?.size ?? 0,
    lease: (leaseId: string, digests: readonly string[]): void =>
      db.transaction(() => {
        for (const digest of digests) {
          db.run('INSERT OR IGNORE INTO blob_leases VALUES (?, ?, ?)', leaseId, digest, now());
        }
      }),
    endLease: (leaseId: string): void => void db.run('DELETE FROM blob_leases WHERE lease_id = ?', leaseId),
    /** Leases end with the process that took them; the data directory has one process at a time. */
    endAllLeases: (): void => void db.run('DELETE FROM blob_leases'),
    addManifest: (image: LayoutImage): void => db.transaction(() => addManifest(db, image, now())),
    addLayer: (diffId: string, layer: { sizeBytes: number; entryCount: number }): void =>
      void db.run(
        'INSERT OR IGNORE INTO layers VALUES (?, ?, ?, ?)',
        diffId,
        layer.sizeBytes,
        layer.entryCount,
        now(),
      ),
    register: (registration: Registration, manifestDigest: string): string =>
      db.transaction(() => register(db, registration, manifestDigest, now())),
    addReference: (manifestDigest: string, { kind, id }: ReferenceHolder): void =>
      void db.run(
        'INSERT OR IGNORE INTO image_references VALUES (?, ?, ?, ?)',
        kind,
        id,
        manifestDigest,
        now(),
      ),
    dropReferences: ({ kind, id }: ReferenceHolder): void =>
      void db.run('DELETE FROM image_references WHERE holder_kind = ? AND holder_id = ?', kind, id),
  };
}

function addManifest(db: Db, { descriptor, manifest, config, configJson }: LayoutImage, now: number): void {
  const { digest, mediaType } = descriptor;
  for (const blob of [descriptor, manifest.config, ...manifest.layers]) {
    db.run('INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)', blob.digest, blob.size, now);
  }
  const isNew =
    db.run('INSERT OR IGNORE INTO manifests VALUES (?, ?, ?, ?)', digest, mediaType, configJson, now) === 1;
  if (!isNew) return;
  const insert = 'INSERT INTO manifest_blobs VALUES (?, ?, ?, ?, ?, ?)';
  db.run(insert, digest, 0, 'config', manifest.config.mediaType, manifest.config.digest, null);
  for (const [index, layer] of manifest.layers.entries()) {
    db.run(
      insert,
      digest,
      index + 1,
      'layer',
      layer.mediaType,
      layer.digest,
      config.rootfs.diff_ids[index] ?? null,
    );
  }
}

/** Moves the name to the manifest. Registering again what the name already means changes nothing. */
function register(db: Db, registration: Registration, manifestDigest: string, now: number): string {
  const { workspaceId, repository, tag } = registration;
  verifyOwner(db, registration);
  db.run(
    `INSERT INTO image_repositories VALUES (?, ?, ?, ?)
       ON CONFLICT (workspace_id, name) DO UPDATE SET is_public = excluded.is_public`,
    workspaceId,
    repository,
    registration.isPublic ? 1 : 0,
    now,
  );
  const values = [
    manifestDigest,
    registration.base ?? null,
    registration.substitutedFor ?? null,
    registration.substitutionReason ?? null,
  ];
  const same = db.get<{ id: string }>(
    `SELECT i.id FROM image_tags t JOIN images i ON i.id = t.image_id
       WHERE t.workspace_id = ? AND t.repository = ? AND t.tag = ? AND i.manifest_digest IS ?
         AND i.base IS ? AND i.substituted_for IS ? AND i.substitution_reason IS ?`,
    workspaceId,
    repository,
    tag,
    ...values,
  );
  if (same) return same.id;
  const id = newImageId();
  db.run('INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?)', id, workspaceId, repository, ...values, now);
  db.run(
    `INSERT INTO image_tags VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (workspace_id, repository, tag) DO UPDATE SET image_id = excluded.image_id, moved_at = excluded.moved_at`,
    workspaceId,
    repository,
    tag,
    id,
    now,
  );
  return id;
}

/** A public name has one owner, the reserved workspaces included: their images go by short names. */
function verifyOwner(db: Db, { workspaceId, repository, isPublic }: Registration): void {
  if (isReservedWorkspace(workspaceId)) return;
  const other = db.get(
    'SELECT 1 FROM image_repositories WHERE name = ? AND is_public = 1 AND workspace_id <> ?',
    repository,
    workspaceId,
  );
  if (other === undefined || !isPublic) return;
  throw new ApiError('conflict', `the public image name ${repository} belongs to another workspace`, {
    hint: 'Choose another name, or register the image without making it public.',
  });
}

const newImageId = (): string => `image_${randomId(20)}`;
