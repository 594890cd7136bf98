import type { BuilderCall } from '../agent/build-session.ts';
import type { AgentBinaries } from '../agent/binary.ts';
import type { IdentityFolders } from '../agent/identity.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { JournalFollower, Journals } from '../journal/journals.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { SandboxNetwork } from '../network/network.ts';
import type { createKeyedQueue } from '../lib/keyed-queue.ts';
import type { DeclarationStore } from '../store/declaration-store.ts';
import type { NetworkOpenings } from '../store/network-openings.ts';
import type { QuotaStore } from '../store/quota-store.ts';
import type { RuntimeDriver } from '../runtime/driver.ts';
import type { SandboxEnvironments } from '../secret/sandbox-environments.ts';
import type { SecretStore } from '../secret/secret-store.ts';
import type { SandboxRecord, SandboxStore } from '../store/sandbox-store.ts';
import type { SandboxVolumes } from '../volume/sandbox-volumes.ts';
import type { Ending } from './ending.ts';
import type { Activity } from './activity.ts';
import type { createFlights } from './flight.ts';
import type { HostRoom } from './host-room.ts';
import type { Snapshots } from '../snapshot/snapshots.ts';
import type { SandboxRootfs } from './rootfs.ts';
import type { SlotPool } from './slot-pool.ts';

/** What this process holds for a sandbox that runs or is frozen. */
export interface Live {
  incarnation: number;
  /** When it began to run, or to run again. */
  since: number;
  /** Ends the watch over its agent. */
  unwatch: () => void;
  /** Takes what was printed last, after the watch; absent while nobody watches. */
  takeLastLines?: JournalFollower['takeLast'];
  rootfs: SandboxRootfs;
}

/** Waits for its turn among the starts of all sandboxes. */
export type InTurn = <T>(workspaceId: string, signal: AbortSignal, start: () => Promise<T>) => Promise<T>;

/** What the operations on sandboxes work with. */
export interface SandboxContext {
  store: SandboxStore;
  transaction: <T>(work: () => T) => T;
  /** Brings what is written to the disk, through a loss of power too. */
  flush: () => void;
  quotas: QuotaStore;
  images: ImageStore;
  snapshots: Snapshots;
  checkpoints: CheckpointStore;
  volumes: SandboxVolumes;
  secrets: Pick<SecretStore, 'requireAll' | 'existing' | 'environment' | 'changedAt'>;
  environments: Pick<SandboxEnvironments, 'put' | 'of' | 'copy'>;
  declarations: Pick<DeclarationStore, 'find'>;
  journals: Journals;
  pool: SlotPool;
  driver: RuntimeDriver;
  network: SandboxNetwork;
  openings: NetworkOpenings;
  /** One after the other for each sandbox: what puts network rules in force. */
  networkTurns: ReturnType<typeof createKeyedQueue>;
  identities: IdentityFolders;
  agents: AgentBinaries;
  serverKey: Buffer;
  clock: Clock;
  log: Log;
  activity: Activity;
  flights: ReturnType<typeof createFlights>;
  /** For what brings up a sandbox that has a record already. */
  inTurn: InTurn;
  room: HostRoom;
  live: Map<string, Live>;
  /** Told as soon as a sandbox answers no more requests: it ends, or stands still. */
  onCut: (record: SandboxRecord) => void;
  /** Ends a sandbox whose runtime has ended by itself, or restores it. */
  onAgentLost: (record: SandboxRecord, ending?: Ending) => void;
  /** Told when a builder in a sandbox asks for a build; the signal aborts when the sandbox ends. */
  onBuilder?: (record: SandboxRecord, call: BuilderCall, signal: AbortSignal) => void;
  /** Told when a sandbox has ended, for whatever reason. */
  onGone: (record: SandboxRecord) => void;
  /** Told why a sandbox has ended that nobody asked to end. */
  onEnded?: (record: SandboxRecord, reason: string) => void;
}
