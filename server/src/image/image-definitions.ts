import type { Db } from '../store/db.ts';

/** How an image came to be. */
export interface ImageDefinition {
  dockerfile?: string;
  /** What its last stage begins with, as the Dockerfile says it. */
  baseImage?: string;
  /** The snapshot that it was registered from. */
  snapshotId?: string;
  buildId?: string;
  /** The disk that sandboxes get which ask for none. */
  diskMb?: number;
  /** Key of the caller. */
  createdBy?: string;
}

interface Row {
  dockerfile: string | null;
  base_image: string | null;
  snapshot_id: string | null;
  build_id: string | null;
  disk_mb: number | null;
  created_by: string | null;
}

export type ImageDefinitions = ReturnType<typeof createImageDefinitions>;

/** What is known of the making of images; those that were pushed or imported have nothing here. */
export function createImageDefinitions(db: Db) {
  return {
    put: (imageId: string, definition: ImageDefinition): void =>
      void db.run(
        'INSERT OR REPLACE INTO image_definitions VALUES (?, ?, ?, ?, ?, ?, ?)',
        imageId,
        definition.dockerfile ?? null,
        definition.baseImage ?? null,
        definition.snapshotId ?? null,
        definition.buildId ?? null,
        definition.diskMb ?? null,
        definition.createdBy ?? null,
      ),
    /** What has another name was made in the same way. */
    copy: (fromId: string, toId: string): void =>
      void db.run(
        `INSERT OR IGNORE INTO image_definitions
           SELECT ?, dockerfile, base_image, snapshot_id, build_id, disk_mb, created_by
             FROM image_definitions WHERE image_id = ?`,
        toId,
        fromId,
      ),
    find: (imageId: string): ImageDefinition => {
      const row = db.get<Row>('SELECT * FROM image_definitions WHERE image_id = ?', imageId);
      return row ? toDefinition(row) : {};
    },
  };
}

const toDefinition = (row: Row): ImageDefinition => ({
  ...(row.dockerfile !== null && { dockerfile: row.dockerfile }),
  ...(row.base_image !== null && { baseImage: row.base_image }),
  ...(row.snapshot_id !== null && { snapshotId: row.snapshot_id }),
  ...(row.build_id !== null && { buildId: row.build_id }),
  ...(row.disk_mb !== null && { diskMb: row.disk_mb }),
  ...(row.created_by !== null && { createdBy: row.created_by }),
});
