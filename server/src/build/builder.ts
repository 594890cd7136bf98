import { access, chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '@atoll/protocol';
import type { AgentAddress } from '../agent/ask-agent.ts';
import type { AgentBinaries } from '../agent/binary.ts';
import type { createIdentityFolders } from '../agent/identity.ts';
import { runProcess } from '../agent/run-process.ts';
import type { OutputLine, ProcessEnd, ProcessRequest } from '../agent/run-process.ts';
import { agentToken } from '../agent/token.ts';
import { followAgent } from '../agent/watch.ts';
import { pause } from '../lib/deadline.ts';
import type { Log } from '../lib/log.ts';
import type { Ipv4Range } from '../lib/ipv4.ts';
import { openPolicy, shutPolicy } from '../network/egress-policy.ts';
import type { EgressPolicy } from '../network/egress-policy.ts';
import type { SandboxNetwork } from '../network/network.ts';
import type {
  IdRange,
  RuntimeCapabilities,
  RuntimeDriver,
  SandboxMount,
  Slot,
  SlotEndpoint,
  SlotKind,
} from '../runtime/driver.ts';
import { createBuilderTurns, usualTurnLimits } from './builder-turns.ts';
import type { TurnLimits } from './builder-turns.ts';
import { openStepSockets } from './step-socket.ts';
import type { StepSocket } from './step-socket.ts';

/** Where slots come from, some of them made ahead of time (`sandbox/slot-pool.ts`). */
export interface SlotSource {
  take(kind: SlotKind, signal: AbortSignal): Promise<Slot>;
  /** One that was not made ahead of time, and so did not die while it waited. */
  takeFresh(kind: SlotKind, signal: AbortSignal): Promise<Slot>;
  /** Keeps the processor free of slots for later while a sandbox starts. */
  rush<T>(start: () => Promise<T>): Promise<T>;
}

/** What runs the processes of a build: a sandbox for each, whose writes are kept. */
export interface BuilderOptions {
  slots: SlotSource;
  driver: RuntimeDriver;
  network: SandboxNetwork;
  /** The closed ranges that a workspace may reach. */
  openRangesOf: (workspaceId: string) => Ipv4Range[];
  agents: AgentBinaries;
  identities: ReturnType<typeof createIdentityFolders>;
  serverKey: Buffer;
  /** Throws when the host is too short of something for another sandbox. */
  checkHost: () => void;
  turns?: Partial<TurnLimits>;
  log: Log;
}

export interface BuilderTask {
  /** What the process sees, lowest first. */
  lowers: readonly string[];
  /** The folder that takes what it writes. */
  disk: string;
  cpus: number;
  memoryMb: number;
  mounts: readonly SandboxMount[];
  /** There while the process runs. */
  sockets?: readonly StepSocket[];
  hasNetwork: boolean;
  /** Shows the host's certificate authorities, to files that have none of their own. */
  bringsAuthorities?: true;
  /** Whose openings hold. */
  workspaceId: string;
  process: ProcessRequest;
  signal: AbortSignal;
  onLine: (line: OutputLine) => void;
}

export interface BuilderResult {
  end: ProcessEnd;
  /** Something in it ended for want of memory. */
  ranOutOfMemory: boolean;
  /** Under which ids of the host what it wrote is stored. */
  ids: IdRange | undefined;
}

const HOSTNAME = 'buildkitsandbox';
const AGENT_PORT = 9501;
const STOP_GRACE_MS = 1_000;
const LATE_EVENT_MS = 100;

const oomGuards = { gvisor: 'meminfo', namespaces: 'cgroup', none: 'none' } as const satisfies Record<
  RuntimeCapabilities['isolation'],
  string
>;

export interface Builder {
  run(task: BuilderTask): Promise<BuilderResult>;
}

export type Builders = ReturnType<typeof createBuilders>;

/** Runs processes of builds, each in a sandbox of its own that is gone afterwards. */
export function createBuilders(options: BuilderOptions) {
  const { slots, driver, network, identities, log } = options;
  const turns = createBuilderTurns({ ...usualTurnLimits, ...options.turns }, options.checkHost);
  const leaving = new Set<Promise<void>>();
  const complain = (slotId: string) => (err: unknown) =>
    log.error({ slotId, err }, 'a builder is left behind');
  /**
   * Once the sandbox is gone nothing writes to its disk any more, and what reads that need not wait for the network. What a
   * crash leaves of a slot is found by its name and removed at the next start, as for any sandbox.
   */
  const free = async (slotId: string): Promise<void> => {
    await driver.remove(slotId);
    const rest = network
      .release(slotId)
      .then(() => identities.remove(slotId))
      .catch(complain(slotId))
      .finally(() => leaving.delete(rest));
    leaving.add(rest);
  };
  const startOn = async (slot: Slot, task: BuilderTask): Promise<StartedSandbox> => {
    try {
      return await startIn(options, slot, task);
    } catch (error) {
      await free(slot.id).catch(complain(slot.id));
      throw error;
    }
  };
  const start = async (task: BuilderTask): Promise<StartedSandbox> => {
    const kind = { limits: { cpus: task.cpus, memoryMb: task.memoryMb, diskMb: 0 } };
    const slot = await slots.take(kind, task.signal);
    // It may have died while it waited to be used. Nothing has run yet that a second start would repeat.
    return startOn(slot, task).catch(async (err: unknown) => {
      task.signal.throwIfAborted();
      if (err instanceof ApiError) throw err;
      log.warn({ slotId: slot.id, err }, 'a builder did not start; trying another slot');
      return startOn(await slots.takeFresh(kind, task.signal), task);
    });
  };
  const run = async (task: BuilderTask): Promise<BuilderResult> => {
    const sandbox = await slots.rush(() => start(task));
    const { id } = sandbox.slot;
    try {
      return { ...(await follow(driver, sandbox, task)), ids: driver.idsOnDisk(sandbox.slot) };
    } finally {
      await free(id).catch(complain(id));
    }
  };
  return {
    /** For one build, whose processes wait for their turns. */
    ofBuild: (): Builder => {
      const turn = turns.ofBuild();
      return { run: (task) => turn(task, () => run(task)) };
    },
    /** Resolves once nothing is left of the sandboxes whose process has ended by now. */
    settled: async (): Promise<void> => void (await Promise.all(leaving)),
  };
}

/** A step reaches what is open to all and what its workspace has opened, or nothing. */
function policyOf({ openRangesOf }: BuilderOptions, task: BuilderTask): EgressPolicy {
  if (!task.hasNetwork) return shutPolicy;
  const openRanges = openRangesOf(task.workspaceId);
  return openRanges.length === 0 ? openPolicy : { ...openPolicy, openRanges };
}

/** A sandbox whose agent answers. */
interface StartedSandbox {
  slot: Slot;
  endpoint: SlotEndpoint;
  token: string;
}

async function startIn(options: BuilderOptions, slot: Slot, task: BuilderTask): Promise<StartedSandbox> {
  const { driver, network, identities } = options;
  const policy = policyOf(options, task);
  if (policy !== openPolicy) await network.setPolicy(slot.id, policy);
  const token = agentToken(options.serverKey, `build-${slot.id}`, 1);
  const identityDir = await identities.write(slot.id, {
    sandboxId: `build-${slot.id}`,
    incarnation: 1,
    token,
    listen: `0.0.0.0:${AGENT_PORT}`,
    ...(slot.endpoint.gateway !== undefined && { allowFrom: [slot.endpoint.gateway] }),
    hostname: HOSTNAME,
    env: {},
    user: 'root',
    workingDir: task.process.workingDir,
    memoryMb: task.memoryMb,
    maxProcesses: Math.max(128, task.memoryMb),
    oomGuard: oomGuards[driver.capabilities.isolation],
    extraCa: identities.extraCa,
    stopSignal: 'SIGTERM',
    stopGraceMs: STOP_GRACE_MS,
    build: true,
  });
  const etc = await writeEtc(identityDir, network.resolverAddress);
  if (task.bringsAuthorities) etc.push(...(await authorities()));
  const spec = {
    sandboxId: `build-${slot.id}`,
    incarnation: 1,
    hostname: HOSTNAME,
    rootfs: task.lowers[0] ?? '/',
    layers: task.lowers,
    agentBinary: options.agents.current.path,
    identityDir,
    disk: task.disk,
    mounts: [...etc, ...task.mounts],
  };
  return { slot, endpoint: await driver.start(slot, spec, task.signal), token };
}

async function follow(
  driver: RuntimeDriver,
  { slot, endpoint, token }: StartedSandbox,
  task: BuilderTask,
): Promise<Omit<BuilderResult, 'ids'>> {
  let wasKilled = false;
  const watching = new AbortController();
  const watched = followAgent(
    endpoint,
    token,
    (event) => {
      wasKilled ||= event.event === 'oom' || (event.event === 'exit' && event.oomKilled === true);
    },
    AbortSignal.any([watching.signal, task.signal]),
  );
  try {
    const end = await runWithSockets({ endpoint, token }, task);
    if (isSuccess(end)) return { end, ranOutOfMemory: false };
    const byAgent = end.kind === 'signaled' && end.oomKilled;
    const byHost = (await driver.memoryKills(slot.id)) > 0;
    // What the agent tells of its own kills comes by another connection.
    if (!byAgent && !byHost && !wasKilled) await pause(LATE_EVENT_MS, task.signal);
    return { end, ranOutOfMemory: byHost || byAgent || wasKilled };
  } finally {
    watching.abort();
    await watched;
  }
}

async function runWithSockets(agent: AgentAddress, task: BuilderTask): Promise<ProcessEnd> {
  const { process, sockets = [], signal } = task;
  const closeSockets = await openStepSockets(agent, sockets, signal);
  try {
    return await runProcess(agent.endpoint, agent.token, process, task);
  } finally {
    await closeSockets();
  }
}

const isSuccess = (end: ProcessEnd): boolean => end.kind === 'exited' && end.code === 0;

/** Names and resolver of the sandbox, over the image's own: what is built must hold none of them. */
async function writeEtc(identityDir: string, resolver: string | undefined): Promise<SandboxMount[]> {
  const dir = join(identityDir, 'etc');
  await mkdir(dir, { mode: 0o755 });
  const files: Record<string, string> = {
    hostname: `${HOSTNAME}\n`,
    hosts: `127.0.0.1\tlocalhost ${HOSTNAME}\n::1\tlocalhost ip6-localhost ip6-loopback\n`,
    ...(resolver !== undefined && { 'resolv.conf': `nameserver ${resolver}\n` }),
  };
  const mounts: SandboxMount[] = [];
  for (const [name, content] of Object.entries(files)) {
    const source = join(dir, name);
    await writeFile(source, content, { mode: 0o644 });
    mounts.push({ kind: 'bind', destination: `/etc/${name}`, source, isReadonly: false });
  }
  return mounts;
}

const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

async function authorities(): Promise<SandboxMount[]> {
  const isThere = await access(AUTHORITIES).then(
    () => true,
    () => false,
  );
  if (!isThere) return [];
  return [{ kind: 'bind', destination: AUTHORITIES, source: AUTHORITIES, isReadonly: true }];
}

/** Writes a file for a mount of its own, that belongs to the ids of the sandbox. */
export async function writeMountFile(
  path: string,
  content: string | Buffer,
  { mode, uid, gid }: { mode: number; uid: number; gid: number },
): Promise<void> {
  await writeFile(path, content, { flag: 'wx', mode: 0o600 });
  await chown(path, uid, gid);
  await chmod(path, mode);
}
