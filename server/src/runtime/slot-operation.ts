/** What is being done to slots right now, so that removing one can end it first. */
export interface SlotOperations {
  /** Runs `work` with a signal that aborts with `signal` or when the slot's operations are cancelled. */
  run<T>(slotId: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Aborts what runs for the slot; resolves once it has ended. */
  cancel(slotId: string): Promise<void>;
}

interface Operation {
  controller: AbortController;
  ended: Promise<unknown>;
}

export function createSlotOperations(): SlotOperations {
  const operations = new Map<string, Set<Operation>>();

  const forget = (slotId: string, operation: Operation): void => {
    const ofSlot = operations.get(slotId);
    ofSlot?.delete(operation);
    if (ofSlot?.size === 0) operations.delete(slotId);
  };

  return {
    run: async (slotId, signal, work) => {
      const controller = new AbortController();
      const result = work(AbortSignal.any([signal, controller.signal]));
      const operation = { controller, ended: result.catch(() => {}) };
      const ofSlot = operations.get(slotId) ?? new Set();
      operations.set(slotId, ofSlot.add(operation));
      try {
        return await result;
      } finally {
        forget(slotId, operation);
      }
    },
    cancel: async (slotId) => {
      const ofSlot = [...(operations.get(slotId) ?? [])];
      for (const { controller } of ofSlot) controller.abort(new Error(`slot ${slotId} is being removed`));
      await Promise.all(ofSlot.map(({ ended }) => ended));
    },
  };
}
