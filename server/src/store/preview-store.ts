import { withoutUndefined } from '../lib/without-undefined.ts';
import type { Db } from './db.ts';

/** A port of a sandbox with a URL of its own. Times are epoch milliseconds. */
export interface Preview {
  id: string;
  workspaceId: string;
  sandboxId: string;
  name: string;
  port: number;
  isPublic: boolean;
  /** Stands before the rest of its name in URLs. */
  prefix?: string;
  expiresAt?: number;
  /** Names in lower case. */
  requestHeaders: Record<string, string>;
  responseHeaders: Record<string, string>;
  createdAt: number;
  updatedAt: number;
  createdBy: string;
}

/** What opens a private preview. */
export interface PreviewToken {
  name: string;
  nonce: string;
  expiresAt?: number;
}

interface Row {
  id: string;
  workspace_id: string;
  sandbox_id: string;
  name: string;
  port: number;
  is_public: number;
  prefix: string | null;
  expires_at: number | null;
  settings: string;
  created_at: number;
  updated_at: number;
  created_by: string;
}

type Settings = Pick<Preview, 'requestHeaders' | 'responseHeaders'>;

export type PreviewStore = ReturnType<typeof createPreviewStore>;

/** The rows of previews and of their tokens. */
export function createPreviewStore(db: Db) {
  return {
    transaction: db.transaction,
    /** Keeps its tokens, where it was there. */
    put: (one: Preview): void =>
      void db.run(
        `INSERT INTO previews (id, workspace_id, sandbox_id, name, port, is_public, prefix, expires_at, settings, created_at, updated_at, created_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id) DO UPDATE SET sandbox_id = ?3, port = ?5, is_public = ?6, prefix = ?7, expires_at = ?8, settings = ?9, updated_at = ?11`,
        one.id,
        one.workspaceId,
        one.sandboxId,
        one.name,
        one.port,
        one.isPublic ? 1 : 0,
        one.prefix ?? null,
        one.expiresAt ?? null,
        JSON.stringify({ requestHeaders: one.requestHeaders, responseHeaders: one.responseHeaders }),
        one.createdAt,
        one.updatedAt,
        one.createdBy,
      ),
    byId: (id: string): Preview | undefined => {
      const row = db.get<Row>('SELECT * FROM previews WHERE id = ?', id);
      return row && toPreview(row);
    },
    byName: (sandboxId: string, name: string): Preview | undefined => {
      const row = db.get<Row>('SELECT * FROM previews WHERE sandbox_id = ? AND name = ?', sandboxId, name);
      return row && toPreview(row);
    },
    ofSandbox: (sandboxId: string): Preview[] =>
      db
        .all<Row>('SELECT * FROM previews WHERE sandbox_id = ? ORDER BY created_at, id', sandboxId)
        .map(toPreview),
    remove: (id: string): void => void db.run('DELETE FROM previews WHERE id = ?', id),
    removeExpired: (now: number): void => void db.run('DELETE FROM previews WHERE expires_at <= ?', now),
    putToken: (previewId: string, { name, nonce, expiresAt }: PreviewToken): void =>
      void db.run(
        'INSERT INTO preview_tokens (preview_id, name, nonce, expires_at) VALUES (?, ?, ?, ?)',
        previewId,
        name,
        nonce,
        expiresAt ?? null,
      ),
    tokensOf: (previewId: string): PreviewToken[] =>
      db
        .all<{ name: string; nonce: string; expires_at: number | null }>(
          'SELECT name, nonce, expires_at FROM preview_tokens WHERE preview_id = ? ORDER BY name',
          previewId,
        )
        .map(({ expires_at, ...rest }) => withoutUndefined({ ...rest, expiresAt: expires_at ?? undefined })),
    removeToken: (previewId: string, name: string): void =>
      void db.run('DELETE FROM preview_tokens WHERE preview_id = ? AND name = ?', previewId, name),
  };
}

function toPreview(row: Row): Preview {
  const { requestHeaders, responseHeaders } = JSON.parse(row.settings) as Settings; // written by this module alone
  return withoutUndefined({
    id: row.id,
    workspaceId: row.workspace_id,
    sandboxId: row.sandbox_id,
    name: row.name,
    port: row.port,
    isPublic: row.is_public === 1,
    prefix: row.prefix ?? undefined,
    expiresAt: row.expires_at ?? undefined,
    requestHeaders,
    responseHeaders,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    createdBy: row.created_by,
  });
}
