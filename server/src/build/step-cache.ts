import type { StoredLayer } from '../image/workshop.ts';
import type { Db } from '../store/db.ts';

/** What a step once made; without a layer it changed nothing. */
export interface CachedStep {
  createdAt: number;
  layer?: StoredLayer;
}

/** More than this many bytes of layers are not kept; what was not used for the longest time goes first. */
const MAX_CACHE_BYTES = 20 * 1024 ** 3;
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';

interface Row {
  diff_id: string | null;
  blob_digest: string | null;
  size_bytes: number;
  created_at: number;
}

export type StepCache = ReturnType<typeof createStepCache>;

/** Results of steps by workspace and key. What one workspace has built tells another nothing. */
export function createStepCache(db: Db, now: () => number, maxBytes = MAX_CACHE_BYTES) {
  return {
    find: (workspaceId: string, key: string): CachedStep | undefined => {
      const row = db.get<Row>(
        'SELECT diff_id, blob_digest, size_bytes, created_at FROM build_cache WHERE workspace_id = ? AND key = ?',
        workspaceId,
        key,
      );
      if (row === undefined) return undefined;
      db.run(
        'UPDATE build_cache SET used_at = ? WHERE workspace_id = ? AND key = ?',
        now(),
        workspaceId,
        key,
      );
      const createdAt = row.created_at;
      if (row.diff_id === null || row.blob_digest === null) return { createdAt };
      const blob = { mediaType: LAYER_TYPE, digest: row.blob_digest, size: row.size_bytes };
      return { createdAt, layer: { diffId: row.diff_id, blob } };
    },
    add: (workspaceId: string, key: string, { layer, createdAt }: CachedStep): void =>
      void db.run(
        'INSERT OR REPLACE INTO build_cache VALUES (?, ?, ?, ?, ?, ?, ?)',
        workspaceId,
        key,
        layer?.diffId ?? null,
        layer?.blob.digest ?? null,
        layer?.blob.size ?? 0,
        createdAt,
        now(),
      ),
    /** Drops the results that were not used for the longest time until the rest is small enough. */
    trim: (): void =>
      void db.run(
        `DELETE FROM build_cache WHERE (workspace_id, key) IN (SELECT workspace_id, key FROM (
           SELECT workspace_id, key, sum(size_bytes) OVER (ORDER BY used_at DESC, key) AS total FROM build_cache
         ) WHERE total > ?)`,
        maxBytes,
      ),
  };
}
