import type { Clock } from '../lib/clock.ts';
import { randomId } from '../lib/id.ts';
import type { Db } from '../store/db.ts';
import { hashSecret } from './key-value.ts';

/** A working day: who comes back tomorrow shows the key again. */
const LASTS_SECS = 12 * 3600;

export interface Session {
  /** Shown this once, to the browser alone. */
  value: string;
  lastsSecs: number;
}

/** Sessions of browsers: what a cookie holds, so that pages never keep a key. */
export function createSessions({ db, clock, onChange }: { db: Db; clock: Clock; onChange: () => void }) {
  return {
    /** Opens one for whoever showed this key. */
    open: (keyId: string): Session => {
      const value = randomId(40);
      const expiresAt = clock.now() + LASTS_SECS * 1000;
      db.transaction(() => {
        db.run('DELETE FROM sessions WHERE expires_at <= ?', clock.now());
        db.run('INSERT INTO sessions VALUES (?, ?, ?)', hashSecret(value), keyId, expiresAt);
      });
      return { value, lastsSecs: LASTS_SECS };
    },
    /** Ends one; what it follows ends too. */
    end: (value: string): void => {
      if (db.run('DELETE FROM sessions WHERE hash = ?', hashSecret(value)) > 0) onChange();
    },
  };
}
