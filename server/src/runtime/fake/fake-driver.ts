import { cp, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../lib/log.ts';
import { startProgram } from '../../lib/program.ts';
import { awaitAgentReady } from '../agent-ready.ts';
import type { RuntimeDriver, SandboxSpec, Slot, SlotEndpoint, SlotState } from '../driver.ts';
import { refuseCheckpoints } from '../no-checkpoint.ts';
import { createSlotOperations } from '../slot-operation.ts';
import { processTree, readProcessTable } from './process-table.ts';
import type { ProcessRow } from './process-table.ts';

export interface FakeDriverOptions {
  runDir: string;
  log: Log;
}

const START_TIMEOUT_MS = 10_000;
const KILL_TIMEOUT_MS = 5_000;
const KILL_PAUSE_MS = 5;

/**
 * Agents as plain processes of this user in folders of their own: no root, no image, no limits and no isolation.
 * For tests and for the development of clients.
 */
export async function createFakeDriver({ runDir, log }: FakeDriverOptions): Promise<RuntimeDriver> {
  const slotsDir = join(runDir, 'fake');
  const dirOf = (slotId: string): string => join(slotsDir, slotId);
  const operations = createSlotOperations();
  await mkdir(slotsDir, { recursive: true, mode: 0o700 });
  log.warn('runtime fake: sandboxes are plain processes that can read and change all that this user can');
  return {
    name: 'fake',
    capabilities: {
      isolation: 'none',
      memorySnapshot: false,
      filesystemSnapshot: false,
      runtimeNeeds: false,
      volumes: false,
      diskLimit: 'none',
    },
    prepare: async (slot) => {
      await mkdir(rootOf(dirOf(slot.id)), { recursive: true });
    },
    start: (slot, spec, signal) =>
      operations.run(slot.id, signal, (either) => start(dirOf(slot.id), slot, spec, either)),
    ...refuseCheckpoints('fake'),
    idsOnDisk: () => undefined,
    remove: async (slotId) => {
      await operations.cancel(slotId);
      await killAll(dirOf(slotId));
      await rm(dirOf(slotId), { recursive: true, force: true });
    },
    freeze: async (slotId) => void (await stopAll(dirOf(slotId))),
    thaw: async (slotId) => {
      for (const { pid } of await processesOf(dirOf(slotId))) send(pid, 'SIGCONT');
    },
    exportUpper: () => Promise.reject(new Error('the runtime fake has no layers')),
    attach: () => Promise.reject(new Error('the runtime fake mounts nothing')),
    latePath: () => undefined,
    detach: () => Promise.reject(new Error('the runtime fake mounts nothing')),
    state: (slotId) => stateOf(dirOf(slotId)),
    wasKilledForMemory: () => Promise.resolve(false),
    memoryKills: () => Promise.resolve(0),
    stats: async (slotId) => {
      const rows = await processesOf(dirOf(slotId));
      const sum = (of: (row: ProcessRow) => number): number =>
        rows.reduce((total, row) => total + of(row), 0);
      return {
        cpuUsageMs: sum((row) => row.cpuMs),
        memoryBytes: sum((row) => row.memoryBytes),
        processCount: rows.length,
      };
    },
    diskBytes: () => Promise.resolve(undefined),
    list: () => readdir(slotsDir),
    close: () => rm(slotsDir, { recursive: true, force: true }),
  };
}

const rootOf = (dir: string): string => join(dir, 'root');
const identityOf = (dir: string): string => join(dir, 'identity');

async function start(dir: string, slot: Slot, spec: SandboxSpec, signal: AbortSignal): Promise<SlotEndpoint> {
  await writeIdentity(dir, spec);
  signal.throwIfAborted();
  const agent = startProgram([spec.agentBinary, '--identity', identityOf(dir)], {
    cwd: rootOf(dir),
    // A signal to the server's process group is not meant for sandboxes.
    isDetached: true,
  });
  try {
    const port = await awaitAgentReady(agent, { timeoutMs: START_TIMEOUT_MS, signal, handsOver: false });
    return { ...slot.endpoint, host: '127.0.0.1', port };
  } catch (cause) {
    throw new Error(`the agent in slot ${slot.id} did not start`, { cause });
  }
}

/** What only this driver knows: the agent's folder, and that any free port of the loopback interface will do. */
async function writeIdentity(dir: string, spec: SandboxSpec): Promise<void> {
  await cp(spec.identityDir, identityOf(dir), { recursive: true });
  const file = join(identityOf(dir), 'agent.json');
  const config: unknown = JSON.parse(await readFile(file, 'utf8'));
  if (typeof config !== 'object') throw new TypeError(`${file} is no object`);
  await writeFile(file, JSON.stringify({ ...config, listen: '127.0.0.1:0', root: rootOf(dir) }), {
    mode: 0o600,
  });
}

async function stateOf(dir: string): Promise<SlotState> {
  if ((await processesOf(dir)).length > 0) return 'running';
  return stat(dir).then(
    () => 'stopped',
    () => 'absent',
  );
}

/** An agent is known by the folder in its command line, also to a server that has not started it. */
async function processesOf(dir: string): Promise<ProcessRow[]> {
  const isAgent = (row: ProcessRow): boolean => row.commandLine.endsWith(` --identity ${identityOf(dir)}`);
  return processTree(await readProcessTable(), isAgent);
}

/** Stops all, until no new ones show up; answers who stands still. */
async function stopAll(dir: string): Promise<Set<number>> {
  const stopped = new Set<number>();
  for (;;) {
    const fresh = (await processesOf(dir)).map(({ pid }) => pid).filter((pid) => !stopped.has(pid));
    if (fresh.length === 0) return stopped;
    for (const pid of fresh) {
      stopped.add(pid);
      send(pid, 'SIGSTOP');
    }
  }
}

/** The children of a killed process belong to nobody and would be lost, so all are stopped before the first is killed. */
async function killAll(dir: string): Promise<void> {
  const deadline = Date.now() + KILL_TIMEOUT_MS;
  for (;;) {
    const pids = await stopAll(dir);
    if (pids.size === 0) return;
    for (const pid of pids) send(pid, 'SIGKILL');
    if (Date.now() > deadline) throw new Error(`processes of ${dir} do not end`);
    await sleep(KILL_PAUSE_MS);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
