import { readdir, writeFile } from 'node:fs/promises';
import { run } from '../lib/run.ts';
import type { SlotAddresses } from './address-pool.ts';
import type { NetworkNames } from './name.ts';
import { NETNS_DIR } from './name.ts';

const IP_TIMEOUT_MS = 20_000;

/**
 * The largest packet that a veth carries in one piece. Traffic with the server never leaves the machine; for the rest
 * the ruleset clamps TCP segments to the size of the way out.
 */
const MTU = 65_520;

/** Makes the namespace and the veth pair of a slot and gives both ends their addresses: two spawns of `ip`. */
export async function createLink(
  names: NetworkNames,
  slotId: string,
  addresses: SlotAddresses,
  signal: AbortSignal,
): Promise<void> {
  await runIpBatch([], hostCommands(names, slotId, addresses), signal);
  await disableIpv6(names.veth(slotId));
  await runIpBatch(['-n', names.netns(slotId)], sandboxCommands(addresses), signal);
}

/**
 * Root of a native sandbox is not root of the network namespace, so low ports and ping are opened to all in it. On a host
 * without IPv6 the first two are absent (`-e`), and so is the need.
 */
const NAMESPACE_SETTINGS = [
  'net.ipv6.conf.all.disable_ipv6=1',
  'net.ipv6.conf.default.disable_ipv6=1',
  'net.ipv4.ip_unprivileged_port_start=0',
  '"net.ipv4.ping_group_range=0 2147483647"',
] as const;

/** `addrgenmode none` keeps the host's end from ever having a link-local address, also before IPv6 is switched off. */
function hostCommands(names: NetworkNames, slotId: string, addresses: SlotAddresses): string[] {
  const [veth, netns] = [names.veth(slotId), names.netns(slotId)];
  return [
    `netns add ${netns}`,
    `netns exec ${netns} sysctl -eqw ${NAMESPACE_SETTINGS.join(' ')}`,
    `link add ${veth} mtu ${MTU} type veth peer name eth0 mtu ${MTU} netns ${netns}`,
    `link set ${veth} addrgenmode none`,
    `address add ${addresses.gateway}/30 dev ${veth}`,
    `link set ${veth} up`,
  ];
}

function sandboxCommands(addresses: SlotAddresses): string[] {
  return [
    'link set lo up',
    `address add ${addresses.sandbox}/30 dev eth0`,
    'link set eth0 up',
    `route add default via ${addresses.gateway}`,
  ];
}

/** On a host without IPv6 the file is absent, and so is the need. */
async function disableIpv6(device: string): Promise<void> {
  await writeFile(`/proc/sys/net/ipv6/conf/${device}/disable_ipv6`, '1').catch(ignoreAbsent);
}

/** Removes what `createLink` made, as far as it is there. */
export async function removeLink(names: NetworkNames, slotId: string): Promise<void> {
  const present = await listLinks(names);
  const commands = [
    ...(present.veths.has(slotId) ? [`link delete ${names.veth(slotId)}`] : []),
    ...(present.namespaces.has(slotId) ? [`netns delete ${names.netns(slotId)}`] : []),
  ];
  if (commands.length === 0) return;
  await runIpBatch(['-force'], commands).catch(async (error: unknown) => {
    const left = await listLinks(names);
    if (left.veths.has(slotId) || left.namespaces.has(slotId)) throw error;
  });
}

/** Slots of which a veth or a namespace is on the host. Reads two directories, spawns nothing. */
export async function listLinks(
  names: NetworkNames,
): Promise<{ veths: Set<string>; namespaces: Set<string> }> {
  const [interfaces, namespaces] = await Promise.all([
    readdir('/sys/class/net'),
    readdir(NETNS_DIR).catch((error: unknown) => ignoreAbsent(error) ?? []),
  ]);
  return {
    veths: new Set(interfaces.flatMap((name) => names.slotOfVeth(name) ?? [])),
    namespaces: new Set(namespaces.flatMap((name) => names.slotOfNetns(name) ?? [])),
  };
}

/**
 * Makes the interface that holds the resolver's address; one that an earlier server left is kept. It is one end of a
 * veth whose other end stays unused: the kind that is there wherever sandboxes can be (dummy interfaces are not).
 */
export async function createResolverInterface(names: NetworkNames, address: string): Promise<void> {
  const device = names.resolverInterface;
  const interfaces = await readdir('/sys/class/net');
  await runIpBatch(
    [],
    [
      ...(interfaces.includes(device)
        ? []
        : [`link add ${device} type veth peer name ${names.resolverPeer}`]),
      `link set ${device} addrgenmode none`,
      `address replace ${address}/32 dev ${device}`,
      `link set ${device} up`,
    ],
  );
  await disableIpv6(device);
}

export async function removeInterface(device: string): Promise<void> {
  const interfaces = await readdir('/sys/class/net');
  if (interfaces.includes(device)) await runIpBatch([], [`link delete ${device}`]);
}

async function runIpBatch(
  options: readonly string[],
  commands: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  await run(['ip', ...options, '-batch', '-'], {
    timeoutMs: IP_TIMEOUT_MS,
    input: `${commands.join('\n')}\n`,
    ...(signal && { signal }),
  });
}

function ignoreAbsent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
