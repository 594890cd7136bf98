import type { NetworkConfig } from '@atoll/sdk';

/** What of the internet can be reached, in a word: a list of destinations closes all others. */
export function reachOf(
  network: Pick<NetworkConfig, 'allowInternetAccess' | 'allowOut'> | undefined,
): string {
  if (network !== undefined && network.allowOut.length > 0) return 'the listed alone';
  return network?.allowInternetAccess === false ? 'closed' : 'open';
}
