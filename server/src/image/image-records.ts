import { findLayerSizes } from './image-layers.ts';
import { ApiError, reservedWorkspaces } from '@atoll/protocol';
import { randomId } from '../lib/id.ts';
import type { Db } from '../store/db.ts';
import { isReservedWorkspace } from './image-name.ts';
import type { LayoutImage } from './oci-layout.ts';
import { sharedFrom, verifyNotShared, verifyNotSharedHere } from './shared-names.ts';

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
  /** Of the whole repository. Absent: as it is already, private where it is new. */
  isPublic?: boolean | undefined;
  /** What the tag names, where that is an index and the image one of its entries. */
  namedDigest?: string;
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
  disk_mb: number | null;
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
  i.substitution_reason, i.created_at, r.is_public, m.config, d.disk_mb`;
const imageJoins = `JOIN image_repositories r ON r.workspace_id = i.workspace_id AND r.name = i.repository
  JOIN manifests m ON m.digest = i.manifest_digest
  LEFT JOIN image_definitions d ON d.image_id = i.id`;
const byTag = `SELECT ${imageColumns}, t.tag FROM image_tags t JOIN images i ON i.id = t.image_id ${imageJoins}`;
const byId = `SELECT ${imageColumns}, (SELECT tag FROM image_tags t WHERE t.image_id = i.id LIMIT 1) AS tag
  FROM images i ${imageJoins}`;

/** The rows of images. Every method is synchronous, so that callers can join them in one transaction. */
/** Holds what a workspace has fetched for the bases of its builds. */
export const keptLease = (workspaceId: string): string => `kept:${workspaceId}`;

export function createImageRecords(db: Db, now: () => number) {
  return {
    findByTag: (workspaceId: string, repository: string, tag: string): ImageRow | undefined =>
      db.get<ImageRow>(
        `${byTag} WHERE t.workspace_id = ? AND t.repository = ? AND t.tag = ?`,
        workspaceId,
        repository,
        tag,
      ),
    /** The workspace whose image a name of this one means. */
    sharedFrom: (workspaceId: string, repository: string) => sharedFrom(db, { workspaceId, repository }),
    findPublic: (repository: string, tag: string): ImageRow | undefined =>
      db.get<ImageRow>(
        `${byTag} WHERE r.is_public = 1 AND t.repository = ? AND t.tag = ? AND t.workspace_id NOT IN (?, ?)`,
        repository,
        tag,
        ...reservedWorkspaces,
      ),
    findById: (id: string): ImageRow | undefined => db.get<ImageRow>(`${byId} WHERE i.id = ?`, id),
    layerSizes: (manifestDigest: string) => findLayerSizes(db, manifestDigest),
    layers: (manifestDigest: string): LayerRow[] =>
      db.all<LayerRow>(
        `SELECT diff_id, blob_digest FROM manifest_blobs WHERE manifest_digest = ? AND role = 'layer' ORDER BY position`,
        manifestDigest,
      ),
    /** What the image of a manifest is built of, for who builds on it. */
    parts: (manifestDigest: string): ManifestParts | undefined => findParts(db, manifestDigest),
    /** Rows of blobs that are here; whoever adds them holds them by a lease until something refers to them. */
    addBlob: ({ digest, size }: { digest: string; size: number }): void =>
      void db.run('INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)', digest, size, now()),
    sizeBytes: (manifestDigest: string): number =>
      db.get<{ size: number }>(
        `SELECT coalesce(sum(size_bytes), 0) AS size FROM blobs WHERE digest IN
           (SELECT blob_digest FROM manifest_blobs WHERE manifest_digest = ?)`,
        manifestDigest,
      )?.size ?? 0,
    /** Throws when a public name is another workspace's. */
    verifyOwner: (registration: Registration): void => verifyOwner(db, registration),
    config: (manifestDigest: string): string | undefined =>
      db.get<{ config: string }>('SELECT config FROM manifests WHERE digest = ?', manifestDigest)?.config,
    /** Of blobs that no other image has. */
    uniqueBytes: (manifestDigest: string): number =>
      db.get<{ size: number }>(
        `SELECT coalesce(sum(size_bytes), 0) AS size FROM blobs WHERE digest IN
           (SELECT blob_digest FROM manifest_blobs WHERE manifest_digest = ?1)
           AND digest NOT IN (SELECT blob_digest FROM manifest_blobs WHERE manifest_digest <> ?1 AND blob_digest IN
             (SELECT blob_digest FROM manifest_blobs WHERE manifest_digest = ?1))`,
        manifestDigest,
      )?.size ?? 0,
    unpackedBytes: (manifestDigest: string): number =>
      db.get<{ size: number }>(
        `SELECT coalesce(sum(size_bytes), 0) AS size FROM layers WHERE diff_id IN
           (SELECT diff_id FROM manifest_blobs WHERE manifest_digest = ?)`,
        manifestDigest,
      )?.size ?? 0,
    tagsOf: (imageId: string): string[] =>
      db.all<{ tag: string }>('SELECT tag FROM image_tags WHERE image_id = ?', imageId).map(({ tag }) => tag),
    removeImage: ({ id, workspace_id: workspaceId, repository }: ImageRow): void => {
      verifyNotShared(db, { workspaceId, repository });
      db.run('DELETE FROM images WHERE id = ?', id);
    },
    lease: (leaseId: string, digests: readonly string[]): void =>
      db.transaction(() => {
        for (const digest of digests) {
          db.run('INSERT OR REPLACE INTO blob_leases VALUES (?, ?, ?)', leaseId, digest, now());
        }
      }),
    endLease: (leaseId: string): void => void db.run('DELETE FROM blob_leases WHERE lease_id = ?', leaseId),
    isLeased: (leaseId: string, digest: string): boolean =>
      db.get('SELECT 1 FROM blob_leases WHERE lease_id = ? AND blob_digest = ?', leaseId, digest) !==
      undefined,
    /**
     * Leases end with the process that took them; the data directory has one process at a time. What was fetched for the
     * bases of builds is whole and stays for the next try, until garbage collection finds it too old.
     */
    endAllLeases: (): void => void db.run("DELETE FROM blob_leases WHERE lease_id NOT LIKE 'kept:%'"),
    addManifest: (image: LayoutImage): void => db.transaction(() => addManifest(db, image, now())),
    isKnownSource: (diffId: string, blobDigest: string): boolean =>
      db.get('SELECT 1 FROM layer_sources WHERE diff_id = ? AND blob_digest = ?', diffId, blobDigest) !==
      undefined,
    addSource: (diffId: string, blobDigest: string): void =>
      void db.run('INSERT OR IGNORE INTO layer_sources VALUES (?, ?)', diffId, blobDigest),
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
    /** Keeps an image that has no name; it is reachable by its id until it is pruned. */
    registerUnnamed: (workspaceId: string, provenance: Provenance, manifestDigest: string): string =>
      db.transaction(() => registerUnnamed(db, workspaceId, provenance, manifestDigest, now())),
    addReference: (manifestDigest: string, { kind, id }: ReferenceHolder): void => {
      const add =
        'INSERT OR IGNORE INTO image_references SELECT ?, ?, digest, ? FROM manifests WHERE digest = ?';
      const has =
        'SELECT 1 FROM image_references WHERE holder_kind = ? AND holder_id = ? AND manifest_digest = ?';
      db.run(add, kind, id, now(), manifestDigest);
      if (db.get(has, kind, id, manifestDigest) !== undefined) return;
      throw new ApiError('image_not_found', `the image ${manifestDigest} was removed in the meantime`);
    },
    dropReferences: ({ kind, id }: ReferenceHolder): void =>
      void db.run('DELETE FROM image_references WHERE holder_kind = ? AND holder_id = ?', kind, id),
  };
}

/** The config as it is stored, and the layers, lowest first. */
export interface ManifestParts {
  configJson: string;
  layers: { diffId: string; mediaType: string; digest: string; size: number }[];
}

function findParts(db: Db, digest: string): ManifestParts | undefined {
  const found = db.get<{ config: string }>('SELECT config FROM manifests WHERE digest = ?', digest);
  const layers = db.all<ManifestParts['layers'][number]>(
    `SELECT m.diff_id AS diffId, m.media_type AS mediaType, b.digest, b.size_bytes AS size
       FROM manifest_blobs m JOIN blobs b ON b.digest = m.blob_digest
       WHERE m.manifest_digest = ? AND m.role = 'layer' ORDER BY m.position`,
    digest,
  );
  return found && { configJson: found.config, layers };
}

function addManifest(db: Db, { descriptor, manifest, config, configJson }: LayoutImage, now: number): void {
  const { digest, mediaType } = descriptor;
  for (const blob of [descriptor, manifest.config, ...manifest.layers]) {
    db.run('INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)', blob.digest, blob.size, now);
  }
  db.run(
    'INSERT OR IGNORE INTO registry_manifests VALUES (?, ?, NULL, NULL, NULL, ?)',
    digest,
    mediaType,
    now,
  );
  for (const target of [manifest.config, ...manifest.layers]) {
    db.run('INSERT OR IGNORE INTO registry_edges VALUES (?, ?)', digest, target.digest);
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
  const { workspaceId, repository } = registration;
  verifyOwner(db, registration);
  db.run(
    `INSERT INTO image_repositories VALUES (?1, ?2, coalesce(?3, 0), ?4)
       ON CONFLICT (workspace_id, name) DO UPDATE SET is_public = coalesce(?3, is_public)`,
    workspaceId,
    repository,
    registration.isPublic === undefined ? null : Number(registration.isPublic),
    now,
  );
  const namedDigest = registration.namedDigest ?? manifestDigest;
  const same = findSame(db, registration, manifestDigest, namedDigest);
  if (same !== undefined) return same;
  const id = newImageId();
  db.run(
    'INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)',
    id,
    workspaceId,
    repository,
    manifestDigest,
    ...provenanceValues(registration),
    now,
  );
  for (const digest of new Set([manifestDigest, namedDigest])) {
    db.run(
      'INSERT OR IGNORE INTO repository_manifests VALUES (?, ?, ?, ?)',
      workspaceId,
      repository,
      digest,
      now,
    );
  }
  moveTag(db, { ...registration, digest: namedDigest, imageId: id }, now);
  return id;
}

/** No name of a user begins like this. */
export const UNNAMED_REPOSITORY = '_build';

function registerUnnamed(
  db: Db,
  workspaceId: string,
  provenance: Provenance,
  manifestDigest: string,
  now: number,
): string {
  db.run(
    'INSERT OR IGNORE INTO image_repositories VALUES (?, ?, 0, ?)',
    workspaceId,
    UNNAMED_REPOSITORY,
    now,
  );
  const id = newImageId();
  db.run(
    'INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    id,
    workspaceId,
    UNNAMED_REPOSITORY,
    manifestDigest,
    ...provenanceValues(provenance),
    now,
    now,
  );
  return id;
}

function findSame(
  db: Db,
  registration: Registration,
  manifestDigest: string,
  namedDigest: string,
): string | undefined {
  return db.get<{ id: string }>(
    `SELECT i.id FROM image_tags t JOIN images i ON i.id = t.image_id
       WHERE t.workspace_id = ? AND t.repository = ? AND t.tag = ? AND t.digest = ? AND i.manifest_digest IS ?
         AND i.base IS ? AND i.substituted_for IS ? AND i.substitution_reason IS ?`,
    registration.workspaceId,
    registration.repository,
    registration.tag,
    namedDigest,
    manifestDigest,
    ...provenanceValues(registration),
  )?.id;
}

const provenanceValues = ({ base, substitutedFor, substitutionReason }: Provenance) => [
  base ?? null,
  substitutedFor ?? null,
  substitutionReason ?? null,
];

interface TagMove {
  workspaceId: string;
  repository: string;
  tag: string;
  digest: string;
  /** Absent where no sandbox can start from the manifest. */
  imageId?: string;
}

/** Points a tag elsewhere, and notes when the image that it pointed to lost its last one. */
export function moveTag(
  db: Db,
  { workspaceId, repository, tag, digest, imageId }: TagMove,
  now: number,
): void {
  db.run(
    `INSERT INTO image_tags VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (workspace_id, repository, tag)
       DO UPDATE SET digest = excluded.digest, image_id = excluded.image_id, moved_at = excluded.moved_at`,
    workspaceId,
    repository,
    tag,
    digest,
    imageId ?? null,
    now,
  );
  noteUntagged(db, workspaceId, repository, now);
}

/** Images without a tag know since when; those that got one again forget it. */
export function noteUntagged(db: Db, workspaceId: string, repository: string, now: number): void {
  const isTagged = 'EXISTS (SELECT 1 FROM image_tags t WHERE t.image_id = images.id)';
  db.run(
    `UPDATE images SET untagged_at = CASE WHEN ${isTagged} THEN NULL ELSE coalesce(untagged_at, ?) END
       WHERE workspace_id = ? AND repository = ? AND (untagged_at IS NULL) <> ${isTagged}`,
    now,
    workspaceId,
    repository,
  );
}

/** A public name has one owner, the reserved workspaces included: their images go by short names. */
function verifyOwner(db: Db, registration: Registration): void {
  const { workspaceId, repository, isPublic } = registration;
  if (isReservedWorkspace(workspaceId)) return;
  verifyNotSharedHere(db, registration);
  if (isPublic) verifyNothingPrivate(db, registration);
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

/** Tags of one name are public together: publishing one never shows others that are private until then. */
function verifyNothingPrivate(db: Db, { workspaceId, repository, tag }: Registration): void {
  const hidden = db.all<{ tag: string }>(
    `SELECT t.tag FROM image_tags t JOIN image_repositories r ON r.workspace_id = t.workspace_id AND r.name = t.repository
       WHERE r.workspace_id = ? AND r.name = ? AND r.is_public = 0 AND t.tag <> ? ORDER BY t.tag LIMIT 5`,
    workspaceId,
    repository,
    tag,
  );
  if (hidden.length === 0) return;
  const shown = hidden.map((one) => `${repository}:${one.tag}`).join(', ');
  throw new ApiError('conflict', `making ${repository} public would show its private tags too: ${shown}`, {
    hint: 'Publish under a name of its own, or remove those tags first.',
  });
}

const newImageId = (): string => `image_${randomId(20)}`;
