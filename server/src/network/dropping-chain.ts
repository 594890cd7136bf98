import { z } from 'zod';

/** A chain of another program that drops what it does not accept, and that packets of sandboxes have to pass. */
export interface DroppingChain {
  family: string;
  table: string;
  name: string;
  /** `forward`: what goes out and comes back. `input`: questions to the resolver. */
  hook: 'forward' | 'input';
}

const listing = z.object({
  nftables: z.array(
    z.object({
      chain: z
        .object({
          family: z.string(),
          table: z.string(),
          name: z.string(),
          hook: z.string().optional(),
          policy: z.string().optional(),
        })
        .optional(),
    }),
  ),
});

/**
 * Reads `nft --json list chains`. A packet passes only if every table lets it, so a policy of drop anywhere concerns
 * sandboxes; they have no IPv6.
 */
export function findDroppingChains(json: string): DroppingChain[] {
  return listing.parse(JSON.parse(json)).nftables.flatMap(({ chain }): DroppingChain[] => {
    if (chain?.policy !== 'drop' || (chain.family !== 'ip' && chain.family !== 'inet')) return [];
    const { family, table, name, hook } = chain;
    return hook === 'forward' || hook === 'input' ? [{ family, table, name, hook }] : [];
  });
}

/** Whether it is iptables' own, where the server adds what it needs (host-firewall.ts). */
export const isIptables = ({ family, table }: DroppingChain): boolean =>
  family === 'ip' && table === 'filter';

/** What such a chain takes from sandboxes. */
export function describeDroppingChain({ family, table, name, hook }: DroppingChain): string {
  const loss = hook === 'forward' ? 'forwarded packets' : 'packets to this host';
  const effect = hook === 'forward' ? 'sandboxes may lose their way out' : 'sandboxes may resolve no names';
  return `the nftables chain ${family} ${table} ${name} drops ${loss} by default: ${effect}`;
}

/** What to accept there; `own` is how the interfaces of sandboxes begin. */
export function acceptHint({ hook }: DroppingChain, own: string): string {
  return hook === 'forward'
    ? `Accept the interfaces named ${own}* in that chain, both ways.`
    : `Accept port 53, UDP and TCP, from the interfaces named ${own}* in that chain.`;
}
