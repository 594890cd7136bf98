import type { SlotRule } from './slot-elements.ts';

/** The rules of all slots as they should be, found by slot and by the address that a sandbox sends from. */
export interface SlotRules {
  set(rule: SlotRule): void;
  get(slotId: string): SlotRule | undefined;
  at(sandboxAddress: string): SlotRule | undefined;
  delete(slotId: string): void;
  all(): SlotRule[];
}

export function createSlotRules(): SlotRules {
  const bySlot = new Map<string, SlotRule>();
  const byAddress = new Map<string, SlotRule>();
  const remove = (slotId: string): void => {
    const rule = bySlot.get(slotId);
    if (rule === undefined) return;
    bySlot.delete(slotId);
    byAddress.delete(rule.sandboxAddress);
  };
  return {
    set(rule) {
      remove(rule.slotId);
      bySlot.set(rule.slotId, rule);
      byAddress.set(rule.sandboxAddress, rule);
    },
    get: (slotId) => bySlot.get(slotId),
    at: (sandboxAddress) => byAddress.get(sandboxAddress),
    delete: remove,
    all: () => [...bySlot.values()],
  };
}
