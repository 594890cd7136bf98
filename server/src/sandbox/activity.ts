/** When a sandbox's data plane was last used: the idle clock counts from the end of the last request. */
export function createActivity(now: () => number) {
  const uses = new Map<string, { inFlight: number; lastAt: number }>();
  return {
    /** A request or an attached stream holds the clock until the returned function is called. */
    hold: (sandboxId: string): (() => void) => {
      const use = uses.get(sandboxId) ?? { inFlight: 0, lastAt: now() };
      uses.set(sandboxId, use);
      use.inFlight += 1;
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        use.inFlight -= 1;
        use.lastAt = now();
      };
    },
    /** Since when nothing uses the sandbox; `undefined` while something does. */
    idleSince: (sandboxId: string, startedAt: number): number | undefined => {
      const use = uses.get(sandboxId);
      if (use === undefined) return startedAt;
      return use.inFlight > 0 ? undefined : use.lastAt;
    },
    forget: (sandboxId: string): void => void uses.delete(sandboxId),
  };
}
