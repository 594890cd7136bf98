/** Names of everything the network makes on the host. All carry the instance, so that two servers never meet. */

export const NETNS_DIR = '/run/netns';
export const RESOLVER_INTERFACE_PREFIX = 'atd-';

export interface NetworkNames {
  table: string;
  /** The interface that holds the resolver's address. Its name never matches `vethPrefix`. */
  resolverInterface: string;
  resolverPeer: string;
  vethPrefix: string;
  veth(slotId: string): string;
  netns(slotId: string): string;
  netnsPath(slotId: string): string;
  slotOfVeth(name: string): string | undefined;
  slotOfNetns(name: string): string | undefined;
}

const INSTANCE_ID = /^[a-z0-9]{4}$/;
const SLOT_ID = /^[a-z0-9]{8}$/;

/** The naming scheme of one instance. Interface names have at most 15 characters: `a` + 4 + 8 = 13. */
export function networkNames(instanceId: string): NetworkNames {
  if (!INSTANCE_ID.test(instanceId)) throw new TypeError(`instance id ${instanceId} is not 4 of [a-z0-9]`);
  const vethPrefix = `a${instanceId}`;
  const netnsPrefix = `atoll-${instanceId}-`;
  return {
    table: `atoll_${instanceId}`,
    resolverInterface: RESOLVER_INTERFACE_PREFIX + instanceId,
    resolverPeer: `atp-${instanceId}`,
    vethPrefix,
    veth: (slotId) => vethPrefix + checkedSlotId(slotId),
    netns: (slotId) => netnsPrefix + checkedSlotId(slotId),
    netnsPath: (slotId) => `${NETNS_DIR}/${netnsPrefix}${checkedSlotId(slotId)}`,
    slotOfVeth: (name) => slotAfter(vethPrefix, name),
    slotOfNetns: (name) => slotAfter(netnsPrefix, name),
  };
}

function slotAfter(prefix: string, name: string): string | undefined {
  const slotId = name.slice(prefix.length);
  return name.startsWith(prefix) && SLOT_ID.test(slotId) ? slotId : undefined;
}

function checkedSlotId(slotId: string): string {
  if (!SLOT_ID.test(slotId)) throw new TypeError(`slot id ${slotId} is not 8 of [a-z0-9]`);
  return slotId;
}
