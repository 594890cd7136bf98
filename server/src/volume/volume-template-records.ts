import type { Db } from '../store/db.ts';

/** Files that volumes begin with, as the server knows them. Times are epoch milliseconds. */
export interface VolumeTemplateRecord {
  id: string;
  workspaceId: string;
  name: string;
  displayName?: string;
  description?: string;
  labels: Readonly<Record<string, string>>;
  /** Of its versions from now on. */
  sizeMb: number;
  /** Why the last upload made no version. */
  error?: string;
  createdAt: number;
  updatedAt: number;
}

/** What one upload is to become. */
export interface TemplateUpload {
  template: VolumeTemplateRecord;
  version: string;
}

interface Row {
  id: string;
  workspace_id: string;
  name: string;
  display_name: string | null;
  description: string | null;
  labels: string;
  size_mb: number;
  error: string | null;
  created_at: number;
  updated_at: number;
}

export type VolumeTemplateRecords = ReturnType<typeof createVolumeTemplateRecords>;

/** The rows of templates. Their versions are among the snapshots of volumes. */
export function createVolumeTemplateRecords(db: Db) {
  const find = (workspaceId: string, name: string): VolumeTemplateRecord | undefined => {
    const sql = 'SELECT * FROM volume_templates WHERE workspace_id = ? AND name = ?';
    const row = db.get<Row>(sql, workspaceId, name);
    return row && toTemplate(row);
  };
  return {
    find,
    list: (workspaceId: string): VolumeTemplateRecord[] =>
      db
        .all<Row>('SELECT * FROM volume_templates WHERE workspace_id = ? ORDER BY name', workspaceId)
        .map(toTemplate),
    count: (workspaceId: string): number =>
      db.get<{ count: number }>(
        'SELECT count(*) AS count FROM volume_templates WHERE workspace_id = ?',
        workspaceId,
      )?.count ?? 0,
    insert: (template: VolumeTemplateRecord): void =>
      void db.run(
        `INSERT INTO volume_templates (id, workspace_id, name, display_name, description, labels, size_mb, created_at,
           updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        template.id,
        template.workspaceId,
        template.name,
        template.displayName ?? null,
        template.description ?? null,
        JSON.stringify(template.labels),
        template.sizeMb,
        template.createdAt,
        template.updatedAt,
      ),
    update: (template: VolumeTemplateRecord): void =>
      void db.run(
        `UPDATE volume_templates SET display_name = ?, description = ?, labels = ?, size_mb = ?, updated_at = ?
         WHERE id = ?`,
        template.displayName ?? null,
        template.description ?? null,
        JSON.stringify(template.labels),
        template.sizeMb,
        template.updatedAt,
        template.id,
      ),
    remove: (id: string): void => void db.run('DELETE FROM volume_templates WHERE id = ?', id),
    /** The next number for a version that is given no name. No number comes twice. */
    nextNumber: (id: string): number =>
      db.get<{ numbered: number }>(
        'UPDATE volume_templates SET numbered = numbered + 1 WHERE id = ? RETURNING numbered',
        id,
      )?.numbered ?? 0,
    /** Who has the token may upload a version, once; the former token of the template is void. */
    putToken: (id: string, hash: string, version: string, expiresAt: number): void =>
      void db.run(
        'UPDATE volume_templates SET token_hash = ?, token_version = ?, token_expires_at = ? WHERE id = ?',
        hash,
        version,
        expiresAt,
        id,
      ),
    /** What a token stands for; it is used up, whatever comes of it. */
    takeToken: (hash: string, now: number): TemplateUpload | undefined =>
      db.transaction(() => {
        const row = db.get<Row & { token_version: string; token_expires_at: number }>(
          'SELECT * FROM volume_templates WHERE token_hash = ?',
          hash,
        );
        if (row === undefined) return undefined;
        db.run('UPDATE volume_templates SET token_hash = NULL WHERE id = ?', row.id);
        return row.token_expires_at > now
          ? { template: toTemplate(row), version: row.token_version }
          : undefined;
      }),
    setOutcome: (id: string, now: number, error?: string): void =>
      void db.run(
        'UPDATE volume_templates SET error = ?, updated_at = ? WHERE id = ?',
        error ?? null,
        now,
        id,
      ),
  };
}

const toTemplate = (row: Row): VolumeTemplateRecord => ({
  id: row.id,
  workspaceId: row.workspace_id,
  name: row.name,
  // Written by this module alone, so its shape is known.
  labels: JSON.parse(row.labels) as Record<string, string>,
  sizeMb: row.size_mb,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  ...(row.display_name !== null && { displayName: row.display_name }),
  ...(row.description !== null && { description: row.description }),
  ...(row.error !== null && { error: row.error }),
});
