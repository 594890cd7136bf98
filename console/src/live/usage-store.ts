import type { UsageSample } from '@atoll/sdk';

/** What a sandbox uses, as of the last two samples. */
export interface Use {
  /** Processors in use between the last two samples; absent before there are two. */
  cpus?: number;
  memoryBytes: number;
  idleSince?: number;
  cpuMs: number;
}

export type Uses = ReadonlyMap<string, Use>;

/** What one more sample says, given those before. */
export function addSample(before: Uses, elapsedMs: number, { sandboxes }: UsageSample): Uses {
  return new Map(
    sandboxes.map(({ sandboxId, cpuMs, memoryBytes, idleSince }) => {
      const last = before.get(sandboxId);
      // A new incarnation counts from zero.
      const isSame = last !== undefined && elapsedMs > 0 && cpuMs >= last.cpuMs;
      const use: Use = {
        cpuMs,
        memoryBytes,
        ...(isSame && { cpus: (cpuMs - last.cpuMs) / elapsedMs }),
        ...(idleSince !== undefined && { idleSince }),
      };
      return [sandboxId, last !== undefined && isEqual(last, use) ? last : use];
    }),
  );
}

/** What stands still is not drawn again. */
const isEqual = (a: Use, b: Use): boolean =>
  a.cpus === b.cpus && a.cpuMs === b.cpuMs && a.memoryBytes === b.memoryBytes && a.idleSince === b.idleSince;
