import { formatIpv4, rangeContains, rangeSize } from '../lib/ipv4.ts';
import type { Ipv4Range } from '../lib/ipv4.ts';

/** The two ends of a slot's link, a /30 of its own: the host's and the sandbox's address. */
export interface SlotAddresses {
  gateway: string;
  sandbox: string;
}

export interface AddressPool {
  readonly resolver: string;
  take(slotId: string): SlotAddresses | undefined;
  /** Records that a slot found on the host has this address. False where another slot has it or it is not of this range. */
  claim(slotId: string, sandboxAddress: number): boolean;
  /** Gives an address back; it serves another slot only after it has rested. */
  give(slotId: string): void;
  of(slotId: string): SlotAddresses | undefined;
}

export interface AddressPoolOptions {
  range: Ipv4Range;
  maxSlots: number;
  restMs: number;
  now?: () => number;
}

const LINK_SIZE = 4;

/**
 * Hands out the /30 links of a range. The first holds the resolver's address. Addresses come back in the order
 * they were given and rest, so that packets of a connection of the last holder find nobody at its address.
 */
export function createAddressPool(options: AddressPoolOptions): AddressPool {
  const { range, restMs, now = Date.now } = options;
  const last = Math.min(options.maxSlots, rangeSize(range.prefixLength) / LINK_SIZE - 1);
  const linkOf = new Map<string, number>();
  const holders = new Map<number, string>();
  const resting: { link: number; since: number }[] = [];
  let nextFresh = 1;

  function freshLink(): number | undefined {
    while (nextFresh <= last && holders.has(nextFresh)) nextFresh += 1;
    return nextFresh <= last ? nextFresh++ : undefined;
  }

  function restedLink(): number | undefined {
    const oldest = resting[0];
    if (oldest === undefined || now() - oldest.since < restMs) return undefined;
    return resting.shift()?.link;
  }

  function assign(slotId: string, link: number): SlotAddresses {
    linkOf.set(slotId, link);
    holders.set(link, slotId);
    return addressesOf(range, link);
  }

  return {
    resolver: formatIpv4(range.first + 1),
    take(slotId) {
      const known = linkOf.get(slotId);
      if (known !== undefined) return addressesOf(range, known);
      const link = freshLink() ?? restedLink();
      return link === undefined ? undefined : assign(slotId, link);
    },
    claim(slotId, sandboxAddress) {
      if (!rangeContains(range, sandboxAddress)) return false;
      const link = Math.floor((sandboxAddress - range.first) / LINK_SIZE);
      const holder = holders.get(link);
      if (holder !== undefined) return holder === slotId;
      const restIndex = resting.findIndex((entry) => entry.link === link);
      if (restIndex >= 0) resting.splice(restIndex, 1);
      assign(slotId, link);
      return true;
    },
    give(slotId) {
      const link = linkOf.get(slotId);
      if (link === undefined) return;
      linkOf.delete(slotId);
      holders.delete(link);
      resting.push({ link, since: now() });
    },
    of(slotId) {
      const link = linkOf.get(slotId);
      return link === undefined ? undefined : addressesOf(range, link);
    },
  };
}

function addressesOf(range: Ipv4Range, link: number): SlotAddresses {
  const first = range.first + link * LINK_SIZE;
  return { gateway: formatIpv4(first + 1), sandbox: formatIpv4(first + 2) };
}
