import type { EgressLimits } from './ruleset.ts';
import { REFUSAL_MEMORY_SECS } from './ruleset.ts';
import { readSet } from './nft-listing.ts';
import type { NftElement } from './nft-listing.ts';
import type { NetworkNames } from './name.ts';
import type { RefusedName } from './refused-names.ts';

/** What went through the network of a sandbox and what was refused. */
export interface EgressReport {
  sent: Count;
  received: Count;
  refused: Count;
  limits: EgressLimits;
  /** Destinations that were refused within the last hour, the latest first. */
  refusals: Refusal[];
  /** Names that were not answered, the latest first. */
  refusedNames: RefusedName[];
}

export interface Count {
  packets: number;
  bytes: number;
}

export interface Refusal {
  address: string;
  protocol: string;
  /** Of TCP and UDP. */
  port?: number;
  packets: number;
  lastAt: number;
}

const none: Count = { packets: 0, bytes: 0 };
const MAX_REFUSALS = 1_000;

export const emptyReport: EgressReport = {
  sent: none,
  received: none,
  refused: none,
  limits: {},
  refusals: [],
  refusedNames: [],
};

/** Reads the counters and the log of one sandbox out of the table. */
export async function readReport(
  { table }: NetworkNames,
  sandboxAddress: string,
): Promise<Omit<EgressReport, 'limits' | 'refusedNames'>> {
  const read = async (set: string): Promise<NftElement[]> =>
    (await readSet(table, set)).filter(({ key }) => key[0] === sandboxAddress);
  const [sent, received, refused, ports, others] = await Promise.all(
    ['sent', 'received', 'refused', 'log_ports', 'log_others'].map(read),
  );
  return {
    sent: countOf(sent),
    received: countOf(received),
    refused: countOf(refused),
    refusals: [...(ports ?? []), ...(others ?? [])]
      .map(toRefusal)
      .toSorted((a, b) => b.lastAt - a.lastAt)
      .slice(0, MAX_REFUSALS),
  };
}

const countOf = (elements: readonly NftElement[] | undefined): Count => {
  const { packets, bytes } = elements?.[0] ?? none;
  return { packets, bytes };
};

/** An element is written anew with every refusal, so its age is that of the last one. */
function toRefusal({ key, packets, expiresInSecs = REFUSAL_MEMORY_SECS }: NftElement): Refusal {
  const [, address = '', protocol = '', port] = key;
  return {
    address: String(address),
    protocol: String(protocol),
    packets,
    lastAt: Date.now() - (REFUSAL_MEMORY_SECS - expiresInSecs) * 1000,
    ...(typeof port === 'number' && { port }),
  };
}
