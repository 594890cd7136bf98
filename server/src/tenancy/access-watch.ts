import type { Clock } from '../lib/clock.ts';

/** What somebody was let in by. */
export interface Admission {
  /** When it ends by itself, in epoch milliseconds. */
  endsAt?: number;
}

export interface AccessWatch {
  /** Lets somebody in if `admit` does, which throws otherwise, and cuts him off as soon as it would not any more. */
  enter<T extends Admission>(admit: () => T, cut: () => void): { admitted: T; leave: () => void };
  /** Looks again at everybody who is in. */
  review(): void;
}

export interface AccessWatchOptions {
  clock: Clock;
  /** Told when a key or a role changes or ends. */
  onAccessChange: (listen: () => void) => void;
}

interface Guest {
  admit: () => Admission;
  cut: () => void;
  endsAt: number;
}

/** Timers hold no longer times, and clocks are set. */
const LONGEST_SLEEP_MS = 3_600_000;

/**
 * Streams and connections outlive the moment at which somebody was let in. They are held here, and end with the key, the
 * role, the session or the token that opened them: at once when one is taken away, and at its time when it expires.
 */
export function createAccessWatch({ clock, onAccessChange }: AccessWatchOptions): AccessWatch {
  const guests = new Set<Guest>();
  let timer: NodeJS.Timeout | undefined;
  let wakesAt = Infinity;

  const judge = (guest: Guest): void => {
    try {
      guest.endsAt = guest.admit().endsAt ?? Infinity;
    } catch {
      guests.delete(guest);
      guest.cut();
    }
  };

  const wakeBy = (at: number): void => {
    if (at >= wakesAt) return;
    clearTimeout(timer);
    wakesAt = at;
    timer = setTimeout(wake, Math.min(LONGEST_SLEEP_MS, Math.max(0, at - clock.now()))).unref();
  };

  function wake(): void {
    wakesAt = Infinity;
    for (const guest of guests) {
      if (guest.endsAt <= clock.now()) judge(guest);
      if (guests.has(guest)) wakeBy(guest.endsAt);
    }
  }

  const review = (): void => {
    for (const guest of guests) judge(guest);
    for (const { endsAt } of guests) wakeBy(endsAt);
  };
  onAccessChange(review);

  return {
    enter: (admit, cut) => {
      const admitted = admit();
      const guest: Guest = { admit, cut, endsAt: admitted.endsAt ?? Infinity };
      guests.add(guest);
      wakeBy(guest.endsAt);
      return { admitted, leave: () => void guests.delete(guest) };
    },
    review,
  };
}
