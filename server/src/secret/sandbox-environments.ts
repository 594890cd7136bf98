import type { Db } from '../store/db.ts';
import type { KeyRing } from './key-ring.ts';

interface SealedRow {
  sandbox_id: string;
  key_id: string;
  sealed: Uint8Array;
}

export type SandboxEnvironments = ReturnType<typeof createSandboxEnvironments>;

/** A sealed environment opens only as that of its sandbox. */
const placeOf = (sandboxId: string): string => `environment\0${sandboxId}`;

/** Variables that single sandboxes were given: sealed in the database like secrets, for they often are some. */
export function createSandboxEnvironments({ db, keyRing }: { db: Db; keyRing: KeyRing }) {
  const open = ({ sandbox_id, key_id, sealed }: SealedRow): string =>
    keyRing.open(key_id, sealed, placeOf(sandbox_id));

  const write = (sandboxId: string, text: string): void => {
    const { keyId, sealed } = keyRing.seal(text, placeOf(sandboxId));
    db.run(
      `INSERT INTO sandbox_environments (sandbox_id, key_id, sealed) VALUES (?1, ?2, ?3)
       ON CONFLICT (sandbox_id) DO UPDATE SET key_id = ?2, sealed = ?3`,
      sandboxId,
      keyId,
      sealed,
    );
  };

  const find = (sandboxId: string): SealedRow | undefined =>
    db.get('SELECT * FROM sandbox_environments WHERE sandbox_id = ?', sandboxId);

  return {
    put: (sandboxId: string, env: Readonly<Record<string, string>>): void =>
      write(sandboxId, JSON.stringify(env)),
    of: (sandboxId: string): Record<string, string> => {
      const row = find(sandboxId);
      // Written by this module alone, so its shape is known.
      return row === undefined ? {} : (JSON.parse(open(row)) as Record<string, string>);
    },
    /** A copy of a sandbox has what its source was given. */
    copy: (from: string, to: string): void => {
      const row = find(from);
      if (row !== undefined) write(to, open(row));
    },
    /** Seals again what is sealed with an old key; part of a rotation, within its transaction. */
    reseal: (): number => {
      const rows = db.all<SealedRow>(
        'SELECT * FROM sandbox_environments WHERE key_id <> ?',
        keyRing.currentId(),
      );
      for (const row of rows) write(row.sandbox_id, open(row));
      return rows.length;
    },
  };
}
