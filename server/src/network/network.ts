/** What the server asks of the sandboxes' network: `linux` (namespaces, veth, nftables) or `loopback` (driver `fake`). */
import type { SlotEndpoint } from '../runtime/driver.ts';

export interface SandboxNetwork {
  /** The resolver address that sandboxes use, the same in all of them; absent where they use the host's. */
  readonly resolverAddress?: string;
  /** Namespace, veth pair and address of a slot, allowed outwards. */
  attach(slotId: string, signal: AbortSignal): Promise<SlotEndpoint>;
  /** Whether the slot may talk to anything but the server; takes effect before it resolves. */
  allowInternet(slotId: string, allowed: boolean): Promise<void>;
  /** Frees what `attach` made. Idempotent; also of unknown slots. */
  release(slotId: string): Promise<void>;
  /** Takes over the slots of an earlier server process: their rules, addresses and resolver identity. */
  adopt(slotId: string, endpoint: SlotEndpoint, allowed: boolean): Promise<void>;
  /** Ids of all slots of which anything is left on the host. */
  list(): Promise<string[]>;
  close(): Promise<void>;
}
