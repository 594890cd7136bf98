import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import {
  acceptHint,
  describeDroppingChain,
  findDroppingChains,
  isIptables,
} from '../network/dropping-chain.ts';
import type { DroppingChain } from '../network/dropping-chain.ts';
import { fail, ok, probe, readHost, runSetup, warn } from './check.ts';
import type { Check, CheckResult, DoctorContext } from './check.ts';

const setupHint = 'Run `make setup`, or `atoll doctor --fix`.';

/** In a namespace that ends with the command: nothing is left, whatever happens. */
const networkNamespaces: Check = {
  id: 'netns',
  title: 'network namespaces',
  async run(context) {
    const version = await probe(context, ['ip', '-V']);
    if (version === undefined) return fail('`ip` is not installed', setupHint);
    const addPair = ['ip', 'link', 'add', 'inside', 'type', 'veth', 'peer', 'outside'];
    const made = await probe(context, ['unshare', '--net', ...addPair]);
    if (made?.works === true) return ok('namespaces and veth pairs can be made');
    return fail(
      `cannot be made: ${made?.output ?? '`unshare` is not installed'}`,
      'Run as root (in a container, with --privileged) on a kernel with the module veth.',
    );
  },
  repair: (context) => runSetup(context, 'packages'),
};

/** The kinds of rule that the sandboxes' table is made of; `--check` has the kernel judge it without adding it. */
const sampleRuleset = `
table inet atoll_doctor {
  set sources { type ifname . ipv4_addr; }
  set allowed { type ipv4_addr . ipv4_addr; flags interval; }
  set names { type ipv4_addr . ipv4_addr; flags timeout; }
  set sent { type ipv4_addr; counter; }
  map generation { type ifname : mark; }
  chain prerouting { type filter hook prerouting priority raw; iifname . ip saddr @sources accept; }
  chain forward { type filter hook forward priority filter; ct state established accept; ip saddr . ip daddr @allowed accept; ct mark set iifname map @generation; }
  chain postrouting { type nat hook postrouting priority srcnat; masquerade; }
}
`;

const nftables: Check = {
  id: 'nftables',
  title: 'nftables',
  async run(context) {
    const answer = await probe(context, ['nft', '--check', '--file', '-'], { input: sampleRuleset });
    if (answer === undefined) return fail('`nft` is not installed', setupHint);
    if (answer.works) return ok('filter, sets and NAT work');
    return fail(
      `rules are refused: ${answer.output}`,
      'Load the kernel modules: modprobe -a nf_tables nft_ct nft_nat nft_masq.',
    );
  },
  repair: (context) => runSetup(context, 'packages'),
};

const forwardingFile = 'proc/sys/net/ipv4/ip_forward';

const ipForward: Check = {
  id: 'ip-forward',
  title: 'IPv4 forwarding',
  async run(context) {
    return (await readHost(context, forwardingFile)) === '1'
      ? ok('on')
      : warn(
          'off: sandboxes reach nothing outside',
          'The server switches it on when it starts; now: sysctl -w net.ipv4.ip_forward=1.',
        );
  },
  repair: (context) => writeFile(join(context.hostRoot, forwardingFile), '1'),
};

/** The server adds what it needs to iptables' own chains, and cannot amend those of others. */
const otherFirewalls: Check = {
  id: 'forward-policy',
  title: 'other firewalls',
  async run(context) {
    const answer = await probe(context, ['nft', '--json', 'list', 'chains']);
    if (answer?.works !== true)
      return warn('the rules of this host cannot be read', 'Run as root, with nftables installed.');
    return judgeChains(findDroppingChains(answer.output));
  },
};

function judgeChains(dropping: readonly DroppingChain[]): CheckResult {
  const foreign = dropping.filter((chain) => !isIptables(chain));
  if (foreign.length > 0)
    return warn(
      foreign.map(describeDroppingChain).join('; '),
      foreign.map((chain) => acceptHint(chain, 'aID')).join(' '),
    );
  return dropping.length === 0
    ? ok('none drops packets of sandboxes by default')
    : ok('iptables drops by default (Docker, ufw); the server adds its accepts there');
}

const MIN_CONNECTIONS = 65_536;
const conntrackFile = (name: string): string => `proc/sys/net/netfilter/nf_conntrack_${name}`;

/** The table is shared by all, and a sandbox may have 4,096 connections in it. */
const connections: Check = {
  id: 'conntrack',
  title: 'connection tracking',
  async run(context) {
    const max = Number(await readHost(context, conntrackFile('max')));
    const count = Number((await readHost(context, conntrackFile('count'))) ?? 0);
    if (Number.isNaN(max)) return ok('not in use yet');
    const fix = `Raise it: sysctl -w net.netfilter.nf_conntrack_max=${MIN_CONNECTIONS * 4}.`;
    if (max < MIN_CONNECTIONS) return warn(`room for ${max} connections, all sandboxes together`, fix);
    if (count > max * 0.75) return warn(`${count} of ${max} connections are in use`, fix);
    return ok(`${count} of ${max} connections in use`);
  },
};

const neighbourFile = 'proc/sys/net/ipv4/neigh/default/gc_thresh3';
const MIN_NEIGHBOURS = 1024;

/** Each sandbox is a neighbour of the host; beyond the limit the kernel forgets them, and packets are lost. */
const neighbours: Check = {
  id: 'neighbours',
  title: 'table of neighbours',
  async run(context) {
    const max = Number(await readHost(context, neighbourFile));
    if (Number.isNaN(max)) return ok('the kernel does not say how many there may be');
    if (max >= MIN_NEIGHBOURS) return ok(`room for about ${max} sandboxes at once`);
    return warn(
      `room for ${max} neighbours: more sandboxes lose packets`,
      `Raise it: sysctl -w net.ipv4.neigh.default.gc_thresh3=${MIN_NEIGHBOURS * 4}.`,
    );
  },
};

const port: Check = {
  id: 'port',
  title: 'port',
  async run({ listen, signal }) {
    const code = await tryListening(listen, signal);
    const address = `${listen.host}:${listen.port}`;
    if (code === undefined) return ok(`${address} is free`);
    if (code !== 'EADDRINUSE')
      return fail(`cannot listen on ${address}: ${code}`, 'Choose an address of this machine with --listen.');
    return warn(
      `${address} is in use, perhaps by a running Atoll server`,
      `See by whom: ss -ltnp 'sport = :${listen.port}'; or choose another with --listen.`,
    );
  },
};

function tryListening(listen: DoctorContext['listen'], signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ ...listen, exclusive: true, signal }, () => server.close(() => resolve(undefined)));
  });
}

export const networkChecks: readonly Check[] = [
  networkNamespaces,
  nftables,
  ipForward,
  otherFirewalls,
  connections,
  neighbours,
  port,
];
