/** What the server asks of a sandbox runtime. Each driver passes the suite in test/contract. */

/** The size of a sandbox: ceilings, enforced by the driver, that may overcommit the host. */
export interface ResourceLimits {
  cpus: number;
  memoryMb: number;
  diskMb: number;
}

/** Where the agent of a slot answers: its address in the slot's network namespace. */
export interface SlotEndpoint {
  /** Path of the network namespace; absent for drivers without isolation. */
  netnsPath?: string;
  host: string;
  port: number;
  /** The address that the server's connections come from, the only one the agent accepts; absent without isolation. */
  gateway?: string;
}

/** What of gVisor's kernel is settled when a slot is prepared, beside its size. */
export interface GuestFlavour {
  /** The control group hierarchy that the sandbox sees. */
  cgroup: 'v1' | 'v2';
  /** Whether packet sockets can send. */
  packetSockets: boolean;
}

/** Slots of the same kind can stand in for each other. */
export interface SlotKind {
  /** A sandbox of another size needs another slot. */
  limits: ResourceLimits;
  /** Absent: the usual one, cgroup v2 and packet sockets that only receive. */
  flavour?: GuestFlavour;
  /** Absent: `start`. */
  purpose?: SlotPurpose;
}

/** What an image needs at run time beside its files, as its labels say (`image/runtime-needs.ts`). */
export interface RuntimeNeeds {
  flavour: GuestFlavour;
  /** Capabilities of the sandbox's root beside the usual ones, by their names in an OCI spec. */
  capabilities: readonly string[];
  /** Folders to mount a tmpfs on. */
  tmpfs: readonly TmpfsMount[];
  /** The image's own init program, which becomes PID 1 with the agent as one of its units. */
  init?: string;
  /** A program of the image that the agent starts as root before anything else. */
  startup?: string;
}

export interface TmpfsMount {
  path: string;
  sizeMb: number;
}

/**
 * Everything of one incarnation that does not depend on the image and so is made ahead of time.
 * All host resources of a slot are named after its id, which is how reconcile finds them.
 */
export interface Slot extends SlotKind {
  /** 8 characters [a-z0-9], unique on this server. */
  id: string;
  endpoint: SlotEndpoint;
}

/** Something more that a sandbox sees at a path. Its mount point is made where there is none. */
export type SandboxMount =
  | { kind: 'bind'; destination: string; source: string; isReadonly: boolean }
  | { kind: 'tmpfs'; destination: string; sizeBytes?: number };

/** A folder of the host that a sandbox is shown after its start. */
export interface LateMount {
  /** Letters and digits, unique in the sandbox. */
  id: string;
  destination: string;
  source: string;
}

/** The ids of the host that stand for a sandbox's ids 0 to `count` - 1. */
export interface IdRange {
  hostId: number;
  count: number;
}

/** What runs in a slot. */
export interface SandboxSpec {
  sandboxId: string;
  incarnation: number;
  hostname: string;
  /**
   * Read-only directory on the host with the image's merged layers and a layer of `makeMountPoints`. Nothing writes
   * there. Mounted below a folder of `shareMounts`, or sandboxes that were prepared before start slower.
   */
  rootfs: string;
  /** The layers below `rootfs`, lowest first, for drivers that build an overlay of their own. */
  layers: readonly string[];
  /** Static agent binary on the host; kept by digest for as long as a sandbox refers to it. */
  agentBinary: string;
  /** Host folder of this incarnation with `agent.json` and the trust store; mounted read-only at /.atoll/identity. */
  identityDir: string;
  /** Only where `capabilities.runtimeNeeds` says so; its flavour is the slot's. */
  needs?: RuntimeNeeds;
  /**
   * A folder with `upper` and `work` that takes what the sandbox writes, for who wants to keep it: the driver leaves it.
   * For slots of `diskMb` 0, which have no disk of their own.
   */
  disk?: string;
  mounts?: readonly SandboxMount[];
  /** What a checkpoint was taken with. Only for `restore`; a sandbox that is started gets them by `attach`. */
  lateMounts?: readonly LateMount[];
}

/** `running`: an agent runs in the slot. `stopped`: none does, but something of the slot is on the host. */
export type SlotState = 'running' | 'stopped' | 'absent';

/** What a sandbox uses now, as the host counts it. */
export interface SlotStats {
  cpuUsageMs: number;
  memoryBytes: number;
  processCount: number;
}

/** What a sandbox has changed of its files, beside the image's: an overlay's upper directory. */
export interface UpperExport {
  /** As tar, in the form in which the overlay keeps it. */
  tar: AsyncIterable<Buffer>;
  /** The ids of the host that stand for the sandbox's ids 0 to `count` - 1; absent where the tar has its own. */
  ids?: { hostId: number; count: number };
}

/**
 * What a slot is prepared for. A checkpoint is restored into a sandbox that has not begun; a new sandbox starts faster
 * in one that has.
 */
export type SlotPurpose = 'start' | 'restore';

/** What a driver can do. What it cannot is refused with an error that names the driver that can. */
export interface RuntimeCapabilities {
  isolation: 'gvisor' | 'namespaces' | 'none';
  /** Whether it has `checkpoint` and `restore`. */
  memorySnapshot: boolean;
  /** Whether images may ask for more than files (`SandboxSpec.needs`). */
  runtimeNeeds: boolean;
  filesystemSnapshot: boolean;
  /** Whether it mounts volumes into sandboxes, at their start and later. */
  volumes: boolean;
  /** `exact` answers ENOSPC at the limit. */
  diskLimit: 'exact' | 'none';
}

/**
 * Every call has a deadline of its own, honours `signal`, and leaves something that `remove` and `list`
 * see when it fails or the server dies in the middle.
 */
export interface RuntimeDriver {
  readonly name: 'gvisor' | 'native' | 'fake';
  readonly capabilities: RuntimeCapabilities;
  /** Tells runtimes apart that cannot restore each other's checkpoints. */
  version(): Promise<string>;
  /** Makes ready what is slow and independent of the image. A driver that restores nothing prepares for `start`. */
  prepare(slot: Slot, signal: AbortSignal): Promise<void>;
  /**
   * Starts the agent in the slot; resolves once it has reported ready on its standard output, with where it
   * answers: the slot's endpoint, of which the driver `fake` learns the port only now.
   */
  start(slot: Slot, spec: SandboxSpec, signal: AbortSignal): Promise<SlotEndpoint>;
  /** Under which ids of the host a sandbox in the slot writes to the `disk` of its spec; absent: under its own. */
  idsOnDisk(slot: Slot): IdRange | undefined;
  /** Kills what runs in the slot and frees everything the driver made for it. Idempotent; also of unknown slots. */
  remove(slotId: string): Promise<void>;
  /**
   * Stops everything in a running slot where it is, in memory, and resolves when all stands still. Idempotent. A frozen
   * slot answers nothing: only `thaw`, `remove` and `state` may be asked of it.
   */
  freeze(slotId: string): Promise<void>;
  /** Lets a frozen slot go on. Idempotent. */
  thaw(slotId: string): Promise<void>;
  /**
   * Lets `consume` read what the sandbox has changed. A running slot stands still meanwhile and goes on before this
   * resolves, a frozen one stays frozen. Not to be asked of a slot twice at once. A server that died in the middle leaves
   * a slot that `thaw` lets go on.
   */
  exportUpper<T>(
    slotId: string,
    consume: (upper: UpperExport) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T>;
  /**
   * Writes all that runs in a slot, memory and upper layer, into files of the empty folder `dir`. With `leaveRunning` the
   * sandbox goes on; else it stands still afterwards, and `thaw` lets it go on or `remove` ends it. A failure leaves it as
   * it was, running or frozen. A server that died in the middle leaves a slot that `thaw` lets go on.
   */
  checkpoint(
    slotId: string,
    dir: string,
    options: { leaveRunning: boolean },
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Lets what a checkpoint holds go on in a slot of the same kind that was prepared for it. `spec` must name the same
   * layers and agent, byte by byte; identity and address are the new ones. Resolves once the processes run: the agent
   * answers soon after, on the slot's endpoint, and says nothing by itself.
   */
  restore(slot: Slot, spec: SandboxSpec, dir: string, signal: AbortSignal): Promise<SlotEndpoint>;
  /** Shows a running sandbox a folder of the host, at its destination or at its `latePath`. Idempotent. */
  attach(slotId: string, mount: LateMount, signal: AbortSignal): Promise<void>;
  /** From where inside the agent has to bind it to its destination; absent: the driver puts it there. */
  latePath(mount: LateMount): string | undefined;
  /**
   * Takes it away again, once the agent has undone its bind. Throws a `BusyError` where the sandbox uses it, which then
   * goes on to see it. `others` is how many more mounts of its source the sandbox has. Idempotent.
   */
  detach(slotId: string, mount: LateMount, others: number): Promise<void>;
  state(slotId: string): Promise<SlotState>;
  /**
   * Whether the host's kernel ended the slot's sandbox for want of memory. To be asked before `remove`. False also where
   * the host cannot tell.
   */
  wasKilledForMemory(slotId: string): Promise<boolean>;
  /** How many processes of the slot the host's kernel ended for want of memory. 0 also where the host cannot tell. */
  memoryKills(slotId: string): Promise<number>;
  /** Zeros for a slot that is absent. */
  stats(slotId: string): Promise<SlotStats>;
  /** What the slot has written takes on the host's disk; undefined where nothing counts that. */
  diskBytes(slotId: string): Promise<number | undefined>;
  /** Ids of all slots of which anything is left on the host. */
  list(): Promise<string[]>;
  /** Ends what belongs to the driver as a whole (mounts, folders under /run). Slots must be gone. */
  close(): Promise<void>;
}
