import type { Clock } from '../lib/clock.ts';
import { randomId } from '../lib/id.ts';
import type { Db } from '../store/db.ts';
import { hashSecret } from './key-value.ts';

/** A working day: who comes back tomorrow shows the key again. */
const LASTS_SECS = 12 * 3600;

/** Pages that are signed in with one key at once; the oldest of more are signed out. */
const MAX_PER_KEY = 100;

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
      const ended = db.transaction(() => {
        db.run('DELETE FROM sessions WHERE expires_at <= ?', clock.now());
        const oldest = db.run(
          `DELETE FROM sessions WHERE hash IN
             (SELECT hash FROM sessions WHERE key_id = ? ORDER BY expires_at DESC LIMIT -1 OFFSET ?)`,
          keyId,
          MAX_PER_KEY - 1,
        );
        db.run('INSERT INTO sessions VALUES (?, ?, ?)', hashSecret(value), keyId, expiresAt);
        return oldest;
      });
      if (ended > 0) onChange();
      return { value, lastsSecs: LASTS_SECS };
    },
    /** Ends one; what it follows ends too. */
    end: (value: string): void => {
      if (db.run('DELETE FROM sessions WHERE hash = ?', hashSecret(value)) > 0) onChange();
    },
  };
}
