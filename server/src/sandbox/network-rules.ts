import { ApiError } from '@atoll/protocol';
import { formatIpv4Range, parseIpv4Range } from '../lib/ipv4.ts';
import type { Ipv4Range } from '../lib/ipv4.ts';
import { isClosed, isNever } from '../network/denied-range.ts';
import { parseDestination } from '../network/destination.ts';
import type { Destination } from '../network/destination.ts';
import type { EgressPolicy } from '../network/egress-policy.ts';
import type { NetworkOpenings } from '../store/network-openings.ts';
import type { NetworkRules, SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { isEnded } from './lifecycle.ts';

type Ruled = Pick<SandboxRecord, 'workspaceId' | 'network' | 'networkGeneration'>;

export const noRules: NetworkRules = { internet: true, allowOut: [], denyOut: [] };

/** Of a list; each entry is an element of a set in the kernel that all sandboxes share. */
const MAX_ENTRIES = 256;

/** The closed ranges that a workspace may reach. */
export const openRangesOf = (openings: NetworkOpenings, workspaceId: string): Ipv4Range[] =>
  openings.of(workspaceId).flatMap((range) => parseIpv4Range(range) ?? []);

/** The rules of a record as the network takes them. */
export function policyOf(openings: NetworkOpenings, record: Ruled): EgressPolicy {
  const { internet, allowOut, denyOut } = record.network;
  return {
    generation: record.networkGeneration,
    internet,
    allow: allowOut.map(parseDestination),
    deny: denyOut.map(parseDestination),
    openRanges: openRangesOf(openings, record.workspaceId),
  };
}

/** Throws where a rule means nothing, could never hold, or names a host that leads nowhere. */
export async function admitRules(
  context: Pick<SandboxContext, 'openings' | 'network'>,
  workspaceId: string,
  network: NetworkRules,
): Promise<void> {
  if (!namesDestinations(network)) return;
  for (const [name, { length }] of Object.entries({ allow_out: network.allowOut, deny_out: network.denyOut }))
    if (length > MAX_ENTRIES)
      throw new ApiError('invalid_network', `${name} has ${length} entries; at most ${MAX_ENTRIES} can be`);
  const policy = policyOf(context.openings, { workspaceId, network, networkGeneration: 0 });
  policy.allow.forEach((entry) => requireReachable(entry, policy));
  await context.network.requirePolicy(policy);
}

/** What an allow cannot reach would be an allow that is silently kept back. */
function requireReachable(entry: Destination, { openRanges }: EgressPolicy): void {
  if (entry.kind !== 'range' || !isClosed(entry.range, openRanges)) return;
  const range = formatIpv4Range(entry.range);
  if (isNever(entry.range))
    throw new ApiError('invalid_network', `${range} can never be reached from a sandbox`);
  throw new ApiError('invalid_network', `${range} is closed to the sandboxes of this workspace`, {
    hint: 'The operator of the server can open it: `atoll workspace open WORKSPACE RANGE`.',
  });
}

/** Whether there is anything to admit. */
export const namesDestinations = ({ allowOut, denyOut }: NetworkRules): boolean =>
  allowOut.length + denyOut.length > 0;

/**
 * Puts the rules of a sandbox in force in the slot that it starts in, before anything of it runs. In turn with changes
 * of the rules, and by the record as it is then: either sees the other's outcome.
 */
export function applyRules(context: SandboxContext, record: SandboxRecord, slotId: string): Promise<void> {
  return context.networkTurns(record.id, async () => {
    const current = context.store.byId(record.workspaceId, record.id) ?? record;
    const policy = policyOf(context.openings, current);
    const isAsAttached =
      policy.generation === 0 &&
      policy.internet &&
      !namesDestinations(current.network) &&
      policy.openRanges.length === 0;
    if (isAsAttached) return;
    if (!(await context.network.setPolicy(slotId, policy)))
      throw new Error(`slot ${slotId} of sandbox ${record.id} has no network`);
  });
}

/**
 * Replaces the rules of a sandbox: in force when it resolves; what fails leaves the old ones. The kernel has them
 * first: were the process to end in between, nobody was told, and the next one goes by the record. The openings of the
 * workspace change out of turn and count a generation further: then it begins again, because a generation must not
 * stand for two sets of rules.
 */
export function changeRules(
  context: SandboxContext,
  record: SandboxRecord,
  network: NetworkRules,
): Promise<void> {
  return context.networkTurns(record.id, async () => {
    await admitRules(context, record.workspaceId, network);
    for (let isWritten = false; !isWritten;) {
      isWritten = await tryChange(context, requireLiving(context, record), network);
    }
  });
}

/** False where the record has other rules by now. One that cannot be written keeps its rules, also in the kernel. */
async function tryChange(
  context: SandboxContext,
  current: SandboxRecord,
  network: NetworkRules,
): Promise<boolean> {
  const networkGeneration = current.networkGeneration + 1;
  await putInForce(context, { ...current, network, networkGeneration });
  try {
    return context.store.setNetwork(current.id, network, networkGeneration);
  } catch (error) {
    await putInForce(context, current);
    throw error;
  }
}

function requireLiving(context: SandboxContext, record: SandboxRecord): SandboxRecord {
  const current = context.store.byId(record.workspaceId, record.id);
  if (current === undefined || isEnded(current.state) || current.operation === 'terminate')
    throw ended(record);
  return current;
}

const ended = ({ id }: SandboxRecord): ApiError => new ApiError('invalid_state', `sandbox ${id} has ended`);

/** Where it has no slot, or loses it just now, the next start applies what the record says. */
async function putInForce(context: SandboxContext, record: SandboxRecord): Promise<void> {
  if (record.slotId === undefined) return;
  await context.network.setPolicy(record.slotId, policyOf(context.openings, record));
}

/** After the openings of a workspace have changed: puts them in force for all its sandboxes. */
export async function reapplyRules(context: SandboxContext, workspaceId: string): Promise<void> {
  const living = context.store.living(workspaceId);
  await Promise.all(
    living.map((record) =>
      context.networkTurns(record.id, async () => {
        const current = context.store.byId(workspaceId, record.id);
        if (current !== undefined && !isEnded(current.state)) await putInForce(context, current);
      }),
    ),
  );
}

/** A range that may be opened, in its usual spelling; throws `invalid_network`. */
export function parseOpening(text: string): string {
  const entry = parseDestination(text);
  if (entry.kind !== 'range')
    throw new ApiError('invalid_network', `${JSON.stringify(text)} is no IPv4 address or range`);
  const range = formatIpv4Range(entry.range);
  if (isNever(entry.range))
    throw new ApiError('invalid_network', `${range} can never be reached from a sandbox`);
  return range;
}
