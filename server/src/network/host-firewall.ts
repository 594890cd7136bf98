import { CommandError, run } from '../lib/run.ts';
import { acceptHint, describeDroppingChain, findDroppingChains, isIptables } from './dropping-chain.ts';
import type { NetworkNames } from './name.ts';

/** The host's other firewall rules, as far as they can take from sandboxes what the ruleset grants. */
export interface HostFirewall {
  /** Adds what sandboxes need to the host's iptables rules, if those drop by default. Idempotent. */
  ensure(): Promise<void>;
  /** What still stands in the way, each with what to do. */
  problems(): Promise<string[]>;
  remove(): Promise<void>;
}

export interface HostFirewallOptions {
  names: NetworkNames;
  resolver: string;
}

interface Rule {
  chain: string;
  match: readonly string[];
}

const TIMEOUT_MS = 20_000;

/**
 * A packet passes only if every table lets it: an accept of ours does not outvote a drop elsewhere. Docker sets the
 * policy of iptables' FORWARD chain to drop, and leaves DOCKER-USER to others; ufw does so with INPUT as well. So the
 * accepts go there too. What they let through still has to pass our own table.
 */
export function createHostFirewall({ names, resolver }: HostFirewallOptions): HostFirewall {
  const comment = ['-m', 'comment', '--comment', names.table];
  const own = `${names.vethPrefix}+`;
  const forwardRules = (chain: string): Rule[] => [
    { chain, match: ['-i', own, ...comment] },
    { chain, match: ['-o', own, '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', ...comment] },
  ];
  const inputRules: Rule[] = ['udp', 'tcp'].map((protocol) => ({
    chain: 'INPUT',
    match: ['-d', `${resolver}/32`, '-i', own, '-p', protocol, '--dport', '53', ...comment],
  }));

  const neededRules = (listing: string): Rule[] => [
    ...(/^-P FORWARD DROP/m.test(listing)
      ? forwardRules(/^-N DOCKER-USER/m.test(listing) ? 'DOCKER-USER' : 'FORWARD')
      : []),
    ...(/^-P INPUT DROP/m.test(listing) ? inputRules : []),
  ];

  return {
    async ensure() {
      for (const rule of neededRules(await listIptables())) {
        if (!(await hasRule(rule))) await iptables('-I', rule);
      }
    },
    async problems() {
      return [
        ...(await findMissing(neededRules(await listIptables()))),
        ...(await findForeignDrops(names.vethPrefix)),
      ];
    },
    async remove() {
      const listing = await listIptables();
      if (!listing.includes(names.table)) return;
      for (const rule of [...forwardRules('DOCKER-USER'), ...forwardRules('FORWARD'), ...inputRules]) {
        if (await hasRule(rule)) await iptables('-D', rule);
      }
    },
  };
}

/** The filter table as `iptables -S` prints it; empty where iptables is not installed. */
async function listIptables(): Promise<string> {
  try {
    return (await run(['iptables', '-w', '-S'], { timeoutMs: TIMEOUT_MS })).stdout;
  } catch (error) {
    if (error instanceof CommandError && error.message.includes('ENOENT')) return '';
    throw error;
  }
}

async function hasRule(rule: Rule): Promise<boolean> {
  try {
    await iptables('-C', rule);
    return true;
  } catch (error) {
    if (error instanceof CommandError && error.exitCode !== null) return false;
    throw error;
  }
}

async function iptables(action: '-I' | '-C' | '-D', rule: Rule): Promise<void> {
  await run(['iptables', '-w', action, rule.chain, ...rule.match, '-j', 'ACCEPT'], { timeoutMs: TIMEOUT_MS });
}

async function findMissing(rules: readonly Rule[]): Promise<string[]> {
  const problems: string[] = [];
  for (const rule of rules) {
    if (await hasRule(rule)) continue;
    const command = `iptables -I ${rule.chain} ${rule.match.join(' ')} -j ACCEPT`;
    problems.push(`iptables drops what sandboxes send or receive by default; allow it with \`${command}\``);
  }
  return problems;
}

/** nftables of other programs cannot be amended without knowing them; iptables' own chains are seen above. */
async function findForeignDrops(ownPrefix: string): Promise<string[]> {
  const { stdout } = await run(['nft', '-j', 'list', 'chains'], { timeoutMs: TIMEOUT_MS });
  return findDroppingChains(stdout)
    .filter((chain) => !isIptables(chain))
    .map((chain) => `${describeDroppingChain(chain)}. ${acceptHint(chain, ownPrefix)}`);
}
