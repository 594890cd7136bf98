import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
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
  chain prerouting { type filter hook prerouting priority raw; iifname . ip saddr @sources accept; }
  chain forward { type filter hook forward priority filter; ct state established accept; }
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

interface NftChain {
  family: string;
  table: string;
  name: string;
  hook?: string;
  policy?: string;
}

/** A packet passes only if every table lets it, so a policy of drop anywhere concerns us. */
const forwardPolicy: Check = {
  id: 'forward-policy',
  title: 'other firewalls',
  async run(context) {
    const answer = await probe(context, ['nft', '--json', 'list', 'chains']);
    if (answer?.works !== true)
      return warn('the rules of this host cannot be read', 'Run as root, with nftables installed.');
    const dropping = chainsOf(answer.output).filter(
      (chain) => chain.hook === 'forward' && chain.policy === 'drop',
    );
    return judgeForwarding(dropping);
  },
};

function chainsOf(json: string): NftChain[] {
  const { nftables: objects } = JSON.parse(json) as { nftables: { chain?: NftChain }[] };
  return objects.flatMap(({ chain }) => (chain === undefined ? [] : [chain]));
}

function judgeForwarding(dropping: readonly NftChain[]): CheckResult {
  if (dropping.length === 0) return ok('none drops forwarded packets by default');
  const foreign = dropping.filter(
    ({ family, table }) => family !== 'ip6' && !(family === 'ip' && table === 'filter'),
  );
  if (foreign.length === 0)
    return ok("iptables' FORWARD drops by default (Docker, ufw); the server adds its accepts there");
  const names = foreign.map(({ family, table, name }) => `${family} ${table} ${name}`).join(', ');
  return warn(
    `${names} drops forwarded packets by default: sandboxes may lose their egress`,
    'Accept the interfaces of sandboxes in that chain, both ways: "a", the id of the instance, anything.',
  );
}

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

export const networkChecks: readonly Check[] = [networkNamespaces, nftables, ipForward, forwardPolicy, port];
