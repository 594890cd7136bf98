import { ApiError } from '@atoll/protocol';
import type { EgressReport } from '../network/egress-report.ts';
import type { NetworkRules, SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { isEnded } from './lifecycle.ts';
import { changeRules, parseOpening, reapplyRules } from './network-rules.ts';

/** The part of the sandboxes that rules what they reach. */
export function createNetworkCalls(context: SandboxContext) {
  const { network, openings } = context;
  return {
    /** Replaces the rules for destinations; connections that the new ones deny end. */
    setNetwork: (record: SandboxRecord, rules: NetworkRules): Promise<void> =>
      changeRules(context, record, rules),
    /** What went through the network of a sandbox that has one, and what was refused of late. */
    networkReport: async ({ id, slotId, state }: SandboxRecord): Promise<EgressReport> => {
      if (slotId === undefined || isEnded(state))
        throw new ApiError('invalid_state', `sandbox ${id} has no network now: it is ${state}`);
      return network.report(slotId);
    },
    openings: {
      of: (workspaceId: string): string[] => openings.of(workspaceId),
      /** Replaces the ranges that sandboxes of a workspace may reach although they are closed to others. */
      put: async (workspaceId: string, ranges: readonly string[]): Promise<void> => {
        openings.put(workspaceId, ranges.map(parseOpening));
        await reapplyRules(context, workspaceId);
      },
    },
  };
}
