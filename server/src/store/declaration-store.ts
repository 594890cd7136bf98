import type { Db } from './db.ts';

/** A new start of a declared sandbox with other settings. */
export interface Revision {
  id: string;
  at: number;
}

/** What a client declared of a sandbox, kept to be shown and compared. Times are epoch milliseconds. */
export interface Declaration {
  displayName?: string;
  externalId?: string;
  labels: Record<string, string>;
  /** As it was given, without the values of variables. */
  spec: Record<string, unknown>;
  /** When the first sandbox of this declaration was made. */
  createdAt: number;
  updatedAt: number;
  createdBy: string;
  updatedBy: string;
  /** Ids of snapshots by the names that they were given. */
  snapshotNames?: Record<string, string>;
  /** It was put by until it is taken out again. */
  isArchived?: true;
  /** Each start that the declaration has caused, oldest first. */
  revisions: Revision[];
}

export type DeclarationStore = ReturnType<typeof createDeclarationStore>;

/** What clients declared of their sandboxes. It ends with the record of its sandbox. */
export function createDeclarationStore(db: Db) {
  // Written by this module alone, so their shape is known.
  const parse = (body: string): Declaration => JSON.parse(body) as Declaration;
  return {
    put: (sandbox: { id: string; workspaceId: string }, declaration: Declaration): void =>
      void db.run(
        `INSERT INTO sandbox_declarations (sandbox_id, workspace_id, external_id, body) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (sandbox_id) DO UPDATE SET external_id = ?3, body = ?4`,
        sandbox.id,
        sandbox.workspaceId,
        declaration.externalId ?? null,
        JSON.stringify(declaration),
      ),
    find: (sandboxId: string): Declaration | undefined => {
      const row = db.get<{ body: string }>(
        'SELECT body FROM sandbox_declarations WHERE sandbox_id = ?',
        sandboxId,
      );
      return row && parse(row.body);
    },
    /** By the id of their sandbox. */
    ofWorkspace: (workspaceId: string): Map<string, Declaration> =>
      new Map(
        db
          .all<{ id: string; body: string }>(
            'SELECT sandbox_id AS id, body FROM sandbox_declarations WHERE workspace_id = ?',
            workspaceId,
          )
          .map(({ id, body }) => [id, parse(body)]),
      ),
    /** The sandboxes that were declared with an id of the client's own. */
    findByExternalId: (workspaceId: string, externalId: string): string[] =>
      db
        .all<{ id: string }>(
          'SELECT sandbox_id AS id FROM sandbox_declarations WHERE workspace_id = ? AND external_id = ?',
          workspaceId,
          externalId,
        )
        .map(({ id }) => id),
  };
}
