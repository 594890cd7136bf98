import type { CreateSandboxOptions } from '@atoll/sdk';
import { flag, integer, list, text } from '../parameter.ts';

/** What a new sandbox may reach, and who may reach it. */
export const networkOptions = {
  expose: list('-x, --expose <port>', 'route traffic to this port, without a key', integer(1, 65_535)),
  noInternet: flag('-N, --no-internet', 'block all traffic outwards'),
  networkAllow: list(
    '-A, --network-allow <destination>',
    'allow only these addresses, ranges or host names',
    text,
  ),
  networkDeny: list('-D, --network-deny <destination>', 'block this address or range', text),
  allowUnauthenticated: flag('--allow-unauthenticated-access', 'exposed ports need no key', true),
};

interface NetworkFlags {
  expose: number[];
  noInternet: boolean;
  networkAllow: string[];
  networkDeny: string[];
  allowUnauthenticated: boolean;
}

/** As fields of a create. */
export function toNetworkFields(flags: NetworkFlags): CreateSandboxOptions {
  return {
    ...(flags.expose.length > 0 && { exposedPorts: flags.expose }),
    ...((flags.allowUnauthenticated || flags.expose.length > 0) && { allowUnauthenticatedAccess: true }),
    ...(flags.noInternet && { allowInternetAccess: false }),
    ...(flags.networkAllow.length > 0 && { allowOut: flags.networkAllow }),
    ...(flags.networkDeny.length > 0 && { denyOut: flags.networkDeny }),
  };
}
