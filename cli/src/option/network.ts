import type { CreateSandboxOptions, NetworkConfig } from '@atoll/sdk';
import { flag, integer, list, text } from '../parameter.ts';

/** What a sandbox may reach. */
export const ruleOptions = {
  noInternet: flag('-N, --no-internet', 'block all traffic outwards; with -A: resolve no names'),
  networkAllow: list(
    '-A, --network-allow <destination>',
    'allow only these addresses, ranges, host names or *.DOMAIN',
    text,
  ),
  networkDeny: list(
    '-D, --network-deny <destination>',
    'block this address, range, host name or *.DOMAIN',
    text,
  ),
};

/** What a new sandbox may reach, and who may reach it. */
export const networkOptions = {
  expose: list('-x, --expose <port>', 'route traffic to this port, without a key', integer(1, 65_535)),
  ...ruleOptions,
  allowUnauthenticated: flag('--allow-unauthenticated-access', 'exposed ports need no key', true),
};

interface RuleFlags {
  noInternet: boolean;
  networkAllow: string[];
  networkDeny: string[];
}

interface NetworkFlags extends RuleFlags {
  expose: number[];
  allowUnauthenticated: boolean;
}

/** The rules that flags give; empty without any. */
export const toNetworkRules = (flags: RuleFlags): Partial<NetworkConfig> => ({
  ...(flags.noInternet && { allowInternetAccess: false }),
  ...(flags.networkAllow.length > 0 && { allowOut: flags.networkAllow }),
  ...(flags.networkDeny.length > 0 && { denyOut: flags.networkDeny }),
});

/** As fields of a create. */
export const toNetworkFields = (flags: NetworkFlags): CreateSandboxOptions => ({
  ...(flags.expose.length > 0 && { exposedPorts: flags.expose }),
  ...((flags.allowUnauthenticated || flags.expose.length > 0) && { allowUnauthenticatedAccess: true }),
  ...toNetworkRules(flags),
});
