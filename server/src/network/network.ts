/** What the server asks of the sandboxes' network: `linux` (namespaces, veth, nftables) or `loopback` (driver `fake`). */
import type { SlotEndpoint } from '../runtime/driver.ts';
import type { EgressPolicy } from './egress-policy.ts';
import type { EgressReport } from './egress-report.ts';

/** All that a sandbox has sent and received since its slot was made, what it spoke with the server included. */
export interface Traffic {
  sentBytes: number;
  receivedBytes: number;
}

export interface SandboxNetwork {
  /** The resolver address that sandboxes use, the same in all of them; absent where they use the host's. */
  readonly resolverAddress?: string;
  /** Namespace, veth pair and address of a slot, with no rules but those that hold for all. */
  attach(slotId: string, signal: AbortSignal): Promise<SlotEndpoint>;
  /**
   * Throws `unresolvable_host` where a name of the rules leads nowhere that may be reached, and `unsupported` where
   * this network keeps no rules.
   */
  requirePolicy(policy: EgressPolicy): Promise<void>;
  /** What the slot may reach from now on: one atomic swap, in force before it resolves. False of a slot that has no network. */
  setPolicy(slotId: string, policy: EgressPolicy): Promise<boolean>;
  /** What went through, and what was refused of late. */
  report(slotId: string): Promise<EgressReport>;
  /** How much went to and fro; undefined where that is not counted, and of slots that have no network. */
  traffic(slotId: string): Promise<Traffic | undefined>;
  /** Frees what `attach` made. Idempotent; also of unknown slots. */
  release(slotId: string): Promise<void>;
  /** Takes over the slots of an earlier server process: their rules, addresses and resolver identity. */
  adopt(slotId: string, endpoint: SlotEndpoint, policy: EgressPolicy): Promise<void>;
  /** Ids of all slots of which anything is left on the host. */
  list(): Promise<string[]>;
  close(): Promise<void>;
}
