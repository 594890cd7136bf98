import type { Duplex } from 'node:stream';

/** Moves bytes both ways at the pace of the slower side; the end of one direction is passed on, a break ends both. */
export function joinSockets(one: Duplex, other: Duplex): void {
  const sides = [one, other];
  for (const side of sides) {
    side.on('error', () => sides.forEach((each) => each.destroy()));
    side.once('close', () => sides.forEach((each) => each.destroy()));
  }
  one.pipe(other);
  other.pipe(one);
}
