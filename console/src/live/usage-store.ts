import type { SandboxUsage, UsageSample } from '@atoll/sdk';

/** Between the last two samples; absent before there are two. */
interface Rates {
  cpus?: number;
  sentPerSecond?: number;
  receivedPerSecond?: number;
}

/** What a sandbox uses, as of the last two samples. */
export interface Use extends Omit<SandboxUsage, 'sandboxId'>, Rates {}

export type Uses = ReadonlyMap<string, Use>;

/** What one more sample says, given those before. */
export function addSample(before: Uses, elapsedMs: number, { sandboxes }: UsageSample): Uses {
  return new Map(
    sandboxes.map(({ sandboxId, ...counted }) => {
      const last = before.get(sandboxId);
      const use: Use = { ...counted, ...ratesOf(last, elapsedMs, counted) };
      return [sandboxId, last !== undefined && isEqual(last, use) ? last : use];
    }),
  );
}

function ratesOf(last: Use | undefined, elapsedMs: number, now: Omit<SandboxUsage, 'sandboxId'>): Rates {
  // A new incarnation counts from zero.
  if (last === undefined || elapsedMs <= 0 || now.cpuMs < last.cpuMs) return {};
  const perSecond = (from = 0, to = 0): number => (Math.max(0, to - from) * 1_000) / elapsedMs;
  return {
    cpus: (now.cpuMs - last.cpuMs) / elapsedMs,
    ...(now.sentBytes !== undefined && {
      sentPerSecond: perSecond(last.sentBytes, now.sentBytes),
      receivedPerSecond: perSecond(last.receivedBytes, now.receivedBytes),
    }),
  };
}

/** What stands still is not drawn again. */
const isEqual = (a: Use, b: Use): boolean => shown.every((key) => a[key] === b[key]);
const shown = [
  'cpus',
  'cpuMs',
  'memoryBytes',
  'diskBytes',
  'idleSince',
  'sentPerSecond',
  'receivedPerSecond',
] as const satisfies readonly (keyof Use)[];
