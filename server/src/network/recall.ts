import { shutPolicy } from './egress-policy.ts';
import type { EgressPolicy } from './egress-policy.ts';
import { newRule } from './egress.ts';
import type { NetworkNames } from './name.ts';
import { readTable } from './nft-listing.ts';
import type { NftElement } from './nft-listing.ts';
import { markOf } from './slot-elements.ts';
import type { SlotRule } from './slot-elements.ts';

/** What an earlier process of this server left in its table and should go on. */
export interface Recalled {
  ruleOf(slotId: string, sandboxAddress: string): SlotRule;
  /** What was counted and logged, as elements of the next table; only of sandboxes that are still there. */
  counted(sandboxAddresses: ReadonlySet<string>): string[];
}

const COUNTED_SETS = ['sent', 'received', 'refused', 'log_ports', 'log_others'];

function countedElement(set: string, { key, packets, bytes, expiresInSecs }: NftElement): string {
  const expires = expiresInSecs === undefined ? '' : ` expires ${Math.max(1, expiresInSecs)}s`;
  return `${set} { ${key.join(' . ')} counter packets ${packets} bytes ${bytes}${expires} }`;
}

/** The name of addresses whose name only the earlier process knew: they count until the rules change. */
const UNKNOWN_NAME = '';

/**
 * The rules come from the records, so that what an earlier process had begun to change is settled; the table says
 * where names had led to, unless it stands by other rules than the record.
 */
export async function recallRules(
  names: NetworkNames,
  policyOf: (slotId: string) => EgressPolicy | undefined,
): Promise<Recalled> {
  const table = await readTable(names.table);
  const marks = table.map('generation');
  const [allowed, denied] = [table.set('allowed_names'), table.set('denied_names')];
  const counted = COUNTED_SETS.map(table.set);
  return {
    counted: (sandboxAddresses) =>
      counted.flatMap((elements, index) =>
        elements
          .filter(({ key }) => sandboxAddresses.has(String(key[0])))
          .map((element) => countedElement(COUNTED_SETS[index] ?? '', element)),
      ),
    ruleOf(slotId, sandboxAddress) {
      const policy = policyOf(slotId) ?? shutPolicy;
      const rule = newRule(slotId, sandboxAddress, policy);
      if (marks.get(names.veth(slotId)) !== markOf(slotId, policy.generation)) return rule;
      remember(rule.allowedNames, allowed, sandboxAddress);
      remember(rule.deniedNames, denied, sandboxAddress);
      return rule;
    },
  };
}

function remember(
  learned: SlotRule['allowedNames'],
  elements: readonly NftElement[],
  sandboxAddress: string,
): void {
  for (const { key, expiresInSecs = 0 } of elements) {
    if (key[0] !== sandboxAddress) continue;
    learned.learn(UNKNOWN_NAME, [String(key[1])], Date.now() + expiresInSecs * 1000);
  }
}
