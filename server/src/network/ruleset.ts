import type { NetworkNames } from './name.ts';

/** What changes per sandbox: which source address an interface may send from, and who may talk outwards. */
export interface SlotRule {
  slotId: string;
  sandboxAddress: string;
  internetAllowed: boolean;
}

export interface RulesetOptions {
  names: NetworkNames;
  /** The instance's range, `a.b.c.d/n`. */
  range: string;
  resolver: string;
}

/** Never forwarded to: "this network", loopback, link-local (cloud metadata), multicast, reserved and broadcast. */
export const DENIED_RANGES = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // Metadata of Azure and of Alibaba Cloud, which are not link-local.
  '168.63.129.16/32',
  '100.100.100.200/32',
];

/** The table of connections is the host's, shared by all: one sandbox must not be able to fill it. */
const MAX_CONNECTIONS = 4096;

/**
 * The whole table in one transaction: the old one goes and the new one comes with all its elements, so there is no
 * moment without rules. Conntrack entries are not part of a table, so established connections go on.
 *
 * The size of the rules is constant; sandboxes are set elements only.
 */
export function renderTable(options: RulesetOptions, slots: readonly SlotRule[]): string {
  const { names, range, resolver } = options;
  const own = `"${names.vethPrefix}*"`;
  return `
${renderTableRemoval(names.table)}
table inet ${names.table} {
  set legal { type ifname . ipv4_addr; }
  set egress { type ifname; }
  # Their elements go by themselves, so that a sandbox costs nothing here once it is gone.
  set asks { type ipv4_addr; flags dynamic; timeout 1m; size 16384; }
  set dials { type ipv4_addr; flags dynamic; timeout 1m; size 16384; }
  set connections { type ipv4_addr; flags dynamic; size 16384; }
  set denied { type ipv4_addr; flags interval; elements = { ${DENIED_RANGES.join(', ')} } }

  # Before conntrack: a sandbox sends IPv4 from its own address, and nobody else speaks as or to this range.
  chain sources {
    type filter hook prerouting priority raw; policy accept;
    iifname "lo" accept
    iifname ${own} jump from_sandbox
    ip saddr ${range} drop
    ip daddr ${range} drop
  }
  chain from_sandbox {
    meta nfproto ipv6 drop
    iifname . ip saddr != @legal drop
    accept
  }

  # Before destination NAT: a port that the host publishes from elsewhere (containers) is a service of the host too.
  chain before_nat {
    type filter hook prerouting priority mangle; policy accept;
    iifname ${own} ct state new add @connections { ip saddr ct count over ${MAX_CONNECTIONS} } drop
    iifname ${own} ip daddr ${resolver} jump resolver_rate
    iifname ${own} fib daddr type local jump to_host
  }
  # The resolver is part of the server, which has other work as well.
  chain resolver_rate {
    udp dport 53 update @asks { ip saddr limit rate over 200/second burst 400 packets } drop
    tcp dport 53 ct state new update @dials { ip saddr limit rate over 20/second burst 40 packets } drop
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname ${own} jump to_host
  }
  chain to_host {
    ct state established,related accept
    ip daddr ${resolver} udp dport 53 accept
    ip daddr ${resolver} tcp dport 53 accept
    drop
  }

  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname ${own} oifname ${own} drop
    iifname ${own} jump outwards
    oifname ${own} jump inwards
  }
  # The link into a sandbox carries larger packets than the way out, so connections learn the way's size here.
  chain outwards {
    ip daddr @denied drop
    iifname != @egress reject with icmp type admin-prohibited
    tcp flags syn tcp option maxseg size set rt mtu
    accept
  }
  chain inwards {
    oifname != @egress drop
    ct state != { established, related } drop
    tcp flags syn tcp option maxseg size set rt mtu
    accept
  }

  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${range} oifname != ${own} masquerade
  }
}
${slots.flatMap((slot) => renderSlot(names, slot)).join('\n')}
`;
}

/** Deleting what is absent is an error, so it is added first. */
export function renderTableRemoval(table: string): string {
  return `table inet ${table}\ndelete table inet ${table}`;
}

/** Commands that bring the elements of one slot to what `slot` says, whatever they were. */
export function renderSlot(names: NetworkNames, slot: SlotRule): string[] {
  const egress = `element inet ${names.table} egress { "${names.veth(slot.slotId)}" }`;
  return [
    `add ${legalElement(names, slot.slotId, slot.sandboxAddress)}`,
    `add ${egress}`,
    ...(slot.internetAllowed ? [] : [`delete ${egress}`]),
  ];
}

/** Deleting what is absent fails the whole transaction, so it is added first. */
export function renderSlotRemoval(names: NetworkNames, slotId: string, sandboxAddress: string): string[] {
  const elements = [
    legalElement(names, slotId, sandboxAddress),
    `element inet ${names.table} egress { "${names.veth(slotId)}" }`,
  ];
  return elements.flatMap((element) => [`add ${element}`, `delete ${element}`]);
}

function legalElement(names: NetworkNames, slotId: string, sandboxAddress: string): string {
  return `element inet ${names.table} legal { "${names.veth(slotId)}" . ${sandboxAddress} }`;
}
