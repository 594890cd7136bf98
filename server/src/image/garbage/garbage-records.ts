import type { Db } from '../../store/db.ts';
import { UNNAMED_REPOSITORY } from '../image-records.ts';

export interface MarkOptions {
  /** What lost its last name before this goes; what lost it later stays. */
  cutoff: number;
  /** What builds left without a name before this goes, whatever the other cutoff. */
  unnamedCutoff: number;
  /** Names are only taken from this workspace; without it from all of them. */
  workspaceId?: string;
  /** Pushes that did nothing since then are given up. */
  pushCutoff: number;
  /** What was fetched for the base of a build before this moment goes. */
  keptCutoff: number;
  /** Leases of pushes with an upload in flight. */
  activeLeases: readonly string[];
  /** Manifests whose file systems are in use. */
  pinned: readonly string[];
}

export interface DeadImage {
  id: string;
  workspaceId: string;
  repository: string;
  manifestDigest: string;
}

export interface Dead {
  images: DeadImage[];
  /** Of images: their mounts have to go first. */
  manifests: string[];
  blobs: { digest: string; sizeBytes: number }[];
}

/** An image by id stays while it has a tag, a sandbox, or lost its last tag, or was built without one, not long ago. */
const keptImages = `
  SELECT i.id FROM images i WHERE EXISTS (SELECT 1 FROM image_tags t WHERE t.image_id = i.id)
    OR EXISTS (SELECT 1 FROM image_references r WHERE r.manifest_digest = i.manifest_digest)
    OR (coalesce(i.untagged_at, i.created_at) > :cutoff
      AND NOT (i.repository = '${UNNAMED_REPOSITORY}' AND i.created_at <= :unnamedCutoff)) OR i.workspace_id <> coalesce(:workspaceId, i.workspace_id)`;

/**
 * Everything that a name, an id, a sandbox, a push or an import reaches: down to parts, up to what speaks of it
 * (signatures, attestations).
 */
const mark = `
  WITH RECURSIVE live (digest) AS (
    SELECT digest FROM image_tags
    UNION SELECT manifest_digest FROM images WHERE id IN (${keptImages})
    UNION SELECT manifest_digest FROM image_references
    UNION SELECT digest FROM repository_manifests
      WHERE created_at > :cutoff OR workspace_id <> coalesce(:workspaceId, workspace_id)
    UNION SELECT blob_digest FROM blob_leases
    UNION SELECT blob_digest FROM build_cache WHERE blob_digest IS NOT NULL
    UNION SELECT value FROM json_each(:pinned)
    UNION SELECT e.target_digest FROM registry_edges e JOIN live ON e.manifest_digest = live.digest
    UNION SELECT m.digest FROM registry_manifests m JOIN live ON m.subject_digest = live.digest
  )
  INSERT INTO temp.live_digests SELECT digest FROM live`;

/** Layers of images, of steps that are cached, and of builds and imports in flight. */
const knownLayers = `SELECT diff_id FROM manifest_blobs WHERE diff_id IS NOT NULL
  UNION SELECT diff_id FROM build_cache WHERE diff_id IS NOT NULL
  UNION SELECT s.diff_id FROM layer_sources s JOIN blob_leases l ON l.blob_digest = s.blob_digest`;

const dead = 'digest NOT IN (SELECT digest FROM temp.live_digests)';

/** Rows first, parts after what names them. */
const sweep = [
  `DELETE FROM repository_blobs WHERE ${dead}`,
  `DELETE FROM repository_manifests WHERE ${dead}`,
  `DELETE FROM manifests WHERE ${dead}`,
  `DELETE FROM registry_manifests WHERE ${dead}`,
  `DELETE FROM blobs WHERE ${dead}`,
  `DELETE FROM layers WHERE diff_id NOT IN (${knownLayers})`,
  'DELETE FROM layer_sources WHERE blob_digest NOT IN (SELECT digest FROM blobs)',
  `DELETE FROM image_repositories WHERE (workspace_id, name) NOT IN (
     SELECT workspace_id, repository FROM repository_manifests UNION SELECT workspace_id, repository FROM images
     UNION SELECT workspace_id, repository FROM repository_blobs UNION SELECT workspace_id, repository FROM image_tags)`,
];

export type GarbageRecords = ReturnType<typeof createGarbageRecords>;

/** Finds and deletes the rows that nothing needs. */
export function createGarbageRecords(db: Db) {
  return {
    transaction: db.transaction,
    /** Deletes what is dead and tells what that was. Inside of one transaction. */
    sweep: (options: MarkOptions): Dead => {
      expireLeases(db, options);
      expireCache(db, options);
      markLive(db, options);
      const found = findDead(db, options);
      for (const { id } of found.images) db.run('DELETE FROM images WHERE id = ?', id);
      for (const sql of sweep) db.run(sql);
      return found;
    },
    isKnownBlob: (digest: string): boolean =>
      db.get(
        'SELECT 1 FROM blobs WHERE digest = ?1 UNION SELECT 1 FROM blob_leases WHERE blob_digest = ?1',
        digest,
      ) !== undefined,
    isKnownLayer: (diffId: string): boolean =>
      db.get(`SELECT 1 FROM (${knownLayers}) WHERE diff_id = ?`, diffId) !== undefined,
    /** Writes through to the disk what was deleted: a file may only go after its row has. */
    checkpoint: (): void => void db.get('PRAGMA wal_checkpoint(PASSIVE)'),
  };
}

function expireLeases(db: Db, options: MarkOptions): void {
  const { pushCutoff, keptCutoff, cutoff, workspaceId, activeLeases } = options;
  db.run(
    `DELETE FROM blob_leases WHERE lease_id LIKE 'kept:%' AND (created_at <= ?1
       OR created_at <= ?2 AND lease_id = coalesce('kept:' || ?3, lease_id))`,
    keptCutoff,
    cutoff,
    workspaceId ?? null,
  );
  db.run(
    `DELETE FROM blob_leases WHERE lease_id LIKE 'push:%' AND lease_id NOT IN (SELECT value FROM json_each(?))
       AND lease_id NOT IN (SELECT lease_id FROM blob_leases WHERE created_at > ?)`,
    JSON.stringify(activeLeases),
    pushCutoff,
  );
}

/** Steps that were not asked for since the cutoff are run again when they are. */
function expireCache(db: Db, { cutoff, workspaceId }: MarkOptions): void {
  db.run(
    'DELETE FROM build_cache WHERE used_at <= ?1 AND workspace_id = coalesce(?2, workspace_id)',
    cutoff,
    workspaceId ?? null,
  );
}

function markLive(db: Db, options: MarkOptions): void {
  db.run('CREATE TEMP TABLE IF NOT EXISTS live_digests (digest TEXT PRIMARY KEY) WITHOUT ROWID');
  db.run('DELETE FROM temp.live_digests');
  db.run(positional(mark), ...values(options), JSON.stringify(options.pinned));
}

function findDead(db: Db, options: MarkOptions): Dead {
  return {
    images: db.all<DeadImage>(
      positional(`SELECT id, workspace_id AS workspaceId, repository, manifest_digest AS manifestDigest FROM images
        WHERE id NOT IN (${keptImages})`),
      ...values(options),
    ),
    manifests: db
      .all<{ digest: string }>(`SELECT digest FROM manifests WHERE ${dead}`)
      .map(({ digest }) => digest),
    blobs: db.all(`SELECT digest, size_bytes AS sizeBytes FROM blobs WHERE ${dead}`),
  };
}

const positional = (sql: string): string =>
  sql
    .replaceAll(':cutoff', '?1')
    .replaceAll(':workspaceId', '?2')
    .replaceAll(':unnamedCutoff', '?3')
    .replaceAll(':pinned', '?4');
const values = ({ cutoff, workspaceId, unnamedCutoff }: MarkOptions) =>
  [cutoff, workspaceId ?? null, unnamedCutoff] as const;
