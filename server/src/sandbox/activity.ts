export type Activity = ReturnType<typeof createActivity>;

/** When a sandbox's data plane was last used: the idle clock counts from the end of the last request. */
export function createActivity(now: () => number) {
  const uses = new Map<string, { inFlight: number; lastAt: number }>();
  const change = (sandboxId: string, requests: number): void => {
    uses.set(sandboxId, { inFlight: (uses.get(sandboxId)?.inFlight ?? 0) + requests, lastAt: now() });
  };
  return {
    /** A request or an attached stream holds the clock until the returned function is called. */
    hold: (sandboxId: string): (() => void) => {
      change(sandboxId, 1);
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        if (uses.has(sandboxId)) change(sandboxId, -1);
      };
    },
    /** Starts the clock: the sandbox runs, or runs again. */
    restart: (sandboxId: string): void => change(sandboxId, 0),
    /** Since when nothing uses the sandbox; `undefined` while something does, or while it does not run. */
    idleSince: (sandboxId: string): number | undefined => {
      const use = uses.get(sandboxId);
      return use === undefined || use.inFlight > 0 ? undefined : use.lastAt;
    },
    forget: (sandboxId: string): void => void uses.delete(sandboxId),
  };
}
