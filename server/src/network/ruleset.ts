import { CLOSED_RANGES, NEVER_RANGES } from './denied-range.ts';
import type { NetworkNames } from './name.ts';

export interface RulesetOptions {
  names: NetworkNames;
  /** The instance's range, `a.b.c.d/n`. */
  range: string;
  resolver: string;
  limits: EgressLimits;
  /** Interfaces of bridges for containers and virtual machines, `*` at the end for all that begin so. */
  bridges: readonly string[];
}

/** What one sandbox may take of the way out. Absent means as much as there is. */
export interface EgressLimits {
  /** Each way; what is more is dropped, which slows TCP down. */
  mbitPerSecond?: number;
  newConnectionsPerSecond?: number;
}

/** The table of connections is the host's, shared by all: one sandbox must not be able to fill it. */
const MAX_CONNECTIONS = 4096;

/** How long a refusal stays in the log after it was seen last. */
export const REFUSAL_MEMORY_SECS = 3600;

/**
 * The whole table in one transaction: the old one goes and the new one comes with all its elements, so there is no
 * moment without rules. Conntrack entries are not part of a table, so established connections go on.
 *
 * The size of the rules is constant; sandboxes are elements of sets and maps only (slot-elements.ts).
 *
 * A packet is judged by the rules of its sandbox once per connection: what passes is marked with the generation of
 * the rules, and the rest of the connection passes by this mark. A change of rules makes another generation, so that
 * every connection is judged again with its next packet: those that are denied end, the others get the new mark. That
 * a name's address has expired ends nothing. Packets of both directions are judged, since either side may be the next
 * to speak.
 */
export function renderTable(options: RulesetOptions, elements: readonly string[]): string {
  const { names } = options;
  return `
${renderTableRemoval(names.table)}
table inet ${names.table} {
${SETS}
${renderPrerouting(options)}
${renderInput(options)}
${renderForward(options)}
${renderJudgement(options)}
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${options.range} oifname != "${names.vethPrefix}*" masquerade
  }
}
${elements.map((element) => `add element inet ${names.table} ${element}`).join('\n')}
`;
}

/** Deleting what is absent is an error, so it is added first. */
export function renderTableRemoval(table: string): string {
  return `table inet ${table}\ndelete table inet ${table}`;
}

/** Pairs of addresses are the sandbox's and the other end's. */
const SETS = `
  set legal { type ifname . ipv4_addr; }
  map generation { type ifname : mark; }
  set current { type ifname . mark; }
  set open { type ifname; }
  set listed { type ifname; }
  set allowed { type ipv4_addr . ipv4_addr; flags interval; }
  set denied { type ipv4_addr . ipv4_addr; flags interval; }
  set opened { type ipv4_addr . ipv4_addr; flags interval; }
  # Where names led to.
  set allowed_names { type ipv4_addr . ipv4_addr; flags timeout; size 262144; }
  set denied_names { type ipv4_addr . ipv4_addr; flags timeout; size 262144; }
  set never { type ipv4_addr; flags interval; elements = { ${NEVER_RANGES.join(', ')} } }
  set closed { type ipv4_addr; flags interval; elements = { ${CLOSED_RANGES.join(', ')} } }

  set sent { type ipv4_addr; counter; }
  set received { type ipv4_addr; counter; }
  set refused { type ipv4_addr; counter; }
  # Their elements go by themselves, so that a sandbox costs nothing here once it is gone.
  set asks { type ipv4_addr; flags dynamic; timeout 1m; size 16384; }
  set dials { type ipv4_addr; flags dynamic; timeout 1m; size 16384; }
  set connections { type ipv4_addr; flags dynamic; size 16384; }
  set openings { type ipv4_addr; flags dynamic; timeout 1m; size 16384; }
  set upload { type ipv4_addr; flags dynamic; timeout 1m; size 16384; }
  set download { type ipv4_addr; flags dynamic; timeout 1m; size 16384; }
  set log_rate { type ipv4_addr; flags dynamic; timeout 1m; size 16384; }
  set log_ports { type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags dynamic, timeout; timeout ${REFUSAL_MEMORY_SECS}s; size 65536; counter; }
  set log_others { type ipv4_addr . ipv4_addr . inet_proto; flags dynamic, timeout; timeout ${REFUSAL_MEMORY_SECS}s; size 16384; counter; }
`;

function renderPrerouting({ names, range, resolver }: RulesetOptions): string {
  const own = `"${names.vethPrefix}*"`;
  return `
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
    iifname ${own} fib daddr type local jump before_host
  }
  # The resolver is part of the server, which has other work as well.
  chain resolver_rate {
    udp dport 53 update @asks { ip saddr limit rate over 200/second burst 400 packets } drop
    tcp dport 53 ct state new update @dials { ip saddr limit rate over 20/second burst 40 packets } drop
  }
  chain before_host {
    jump known_to_host
    ip daddr != ${range} ip saddr . ip daddr @opened return
    jump note
    drop
  }`;
}

function renderInput({ names, range, resolver }: RulesetOptions): string {
  const own = `"${names.vethPrefix}*"`;
  return `
  chain input {
    type filter hook input priority filter; policy accept;
    iifname ${own} jump to_host
  }
  # Accepts what the host began, and questions to the resolver; returns for the rest.
  chain known_to_host {
    ct state related accept
    ct direction reply ct state established accept
    ip daddr ${resolver} udp dport 53 accept
    ip daddr ${resolver} tcp dport 53 accept
  }
  chain to_host {
    jump known_to_host
    ip daddr ${range} goto refuse
    ip saddr . ip daddr != @opened goto refuse
    jump judge_out
    accept
  }`;
}

function renderForward({ names, limits }: RulesetOptions): string {
  const own = `"${names.vethPrefix}*"`;
  return `
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname ${own} oifname ${own} goto refuse
    iifname ${own} jump outwards
    oifname ${own} jump inwards
  }
  chain outwards {
    ct state invalid drop
    iifname . ct mark @current goto pass_out
    ${openingRate(limits)}
    jump judge_out
    ct mark set iifname map @generation
    goto pass_out
  }
  # The link into a sandbox carries larger packets than the way out, so connections learn the way's size here.
  chain pass_out {
    ${bandwidth('upload', 'ip saddr', limits)}
    ip saddr @sent
    tcp flags syn tcp option maxseg size set rt mtu
    accept
  }
  chain inwards {
    ct state != { established, related } drop
    oifname . ct mark @current goto pass_in
    jump judge_in
    ct mark set oifname map @generation
    goto pass_in
  }
  chain pass_in {
    ${bandwidth('download', 'ip daddr', limits)}
    ip daddr @received
    tcp flags syn tcp option maxseg size set rt mtu
    accept
  }`;
}

/** Behind the mark: UDP that nobody answers is new with every packet, but judged once. */
function openingRate({ newConnectionsPerSecond: rate }: EgressLimits): string {
  if (rate === undefined) return '';
  return `ct state new update @openings { ip saddr limit rate over ${rate}/second burst ${rate * 2} packets } drop`;
}

/** A segment on the link to a sandbox may have 64 KiB, so the burst holds many of them. */
function bandwidth(set: string, sandbox: string, { mbitPerSecond }: EgressLimits): string {
  if (mbitPerSecond === undefined) return '';
  const kbytes = Math.round((mbitPerSecond * 1000) / 8);
  const burst = Math.max(1_024, Math.round(kbytes / 4));
  return `update @${set} { ${sandbox} limit rate over ${kbytes} kbytes/second burst ${burst} kbytes } drop`;
}

/** Return where the connection may be, refuse where not. */
function renderJudgement({ bridges, range }: RulesetOptions): string {
  return `
${renderJudge({ direction: 'out', pair: 'ip saddr . ip daddr', remote: 'ip daddr', device: 'iifname', way: 'oifname', bridges, range })}
${renderJudge({ direction: 'in', pair: 'ip daddr . ip saddr', remote: 'ip saddr', device: 'oifname', way: 'iifname', bridges, range })}
  chain refuse {
    jump note
    meta l4proto tcp reject with tcp reset
    reject with icmp type admin-prohibited
  }
  chain refuse_in {
    meta l4proto tcp reject with tcp reset
    drop
  }
  # A scan of ports must not push what others did out of the log.
  chain note {
    ip saddr @refused
    update @log_rate { ip saddr limit rate over 10/second burst 100 packets } return
    meta l4proto { tcp, udp } update @log_ports { ip saddr . ip daddr . meta l4proto . th dport }
    meta l4proto != { tcp, udp } update @log_others { ip saddr . ip daddr . meta l4proto }
  }`;
}

interface Judge {
  direction: 'out' | 'in';
  pair: string;
  remote: string;
  device: string;
  way: string;
  bridges: readonly string[];
  range: string;
}

function renderJudge({ direction, pair, remote, device, way, bridges, range }: Judge): string {
  const refuse = direction === 'out' ? 'refuse' : 'refuse_in';
  return `
  chain judge_${direction} {
    ${pair} @denied goto ${refuse}
    ${pair} @denied_names goto ${refuse}
    ${remote} @never goto ${refuse}
    ${remote} ${range} goto ${refuse}
    ${pair} @opened goto mode_${direction}
    ${remote} @closed goto ${refuse}
    ${bridges.map((bridge) => `${way} "${bridge}" goto ${refuse}`).join('\n    ')}
    goto mode_${direction}
  }
  chain mode_${direction} {
    ${device} @open return
    ${device} != @listed goto ${refuse}
    ${pair} @allowed return
    ${pair} @allowed_names return
    goto ${refuse}
  }`;
}
