import { createHash } from 'node:crypto';
import { parseIpv4 } from '../../lib/ipv4.ts';
import type { IdRange, Slot } from '../driver.ts';

const COUNT = 65_536;
/** Above what distributions hand out to users (subuid), below the ids that some programs take for negative. */
const FIRST_RANGE = 4_096;
const RANGES = 28_672;

/**
 * A range of its own for each slot. Addresses are unique on the host and consecutive within a server, so the ranges of
 * one server's slots never meet; those of two servers may, and then the sandboxes are still in separate namespaces.
 */
export function idRangeOf(slot: Slot): IdRange {
  const address = parseIpv4(slot.endpoint.host);
  const number =
    address === undefined || address >>> 24 === 127
      ? createHash('sha256').update(slot.id).digest().readUInt32BE(0)
      : Math.floor(address / 4);
  return { hostId: (FIRST_RANGE + (number % RANGES)) * COUNT, count: COUNT };
}
