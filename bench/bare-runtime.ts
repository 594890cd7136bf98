import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { announceRestored } from '@atoll/server/agent/restored';
import { openDb } from '@atoll/server/store/db';
import { openImageStore } from '@atoll/server/image/image-store';
import { createLog } from '@atoll/server/lib/log';
import { newSlotId, randomId } from '@atoll/server/lib/id';
import { holdLauncher } from '@atoll/server/lib/launcher';
import { run } from '@atoll/server/lib/run';
import { createLinuxNetwork } from '@atoll/server/network/linux';
import { awaitAgentReady, awaitSuccess } from '@atoll/server/runtime/agent-ready';
import { createCgroups } from '@atoll/server/runtime/cgroup';
import { readCgroupLayout } from '@atoll/server/runtime/cgroup-layout';
import { launchInCgroup } from '@atoll/server/runtime/launch';
import {
  agentMounts,
  agentProcess,
  defaultCapabilities,
  kernelMounts,
  OCI_VERSION,
} from '@atoll/server/runtime/oci-spec';
import type { Slot } from '@atoll/server/runtime/driver';
import { usualLimits } from '@atoll/server/sandbox/admission';
import { projectRoot } from './stand.ts';

const TIMEOUT_MS = 30_000;
const withinTimeout = () => ({ timeoutMs: TIMEOUT_MS, signal: AbortSignal.timeout(TIMEOUT_MS) });

/** A container of the bare runtime whose agent answers. */
export interface BareContainer {
  /** From the call of the runtime until the agent answered. */
  tookMs: number;
  /** Writes it to a folder, which ends it; answers how long that took. Only runsc can. */
  checkpoint: (dir: string) => Promise<number>;
  end: () => Promise<void>;
}

export interface BareRuntime {
  /** The time from the call of the runtime until the agent in the container listens. */
  start: () => Promise<number>;
  /** A container that stays until it is ended. */
  launch: () => Promise<BareContainer>;
  /** One that goes on from what `checkpoint` has written, in a network namespace of its own. */
  restore: (dir: string) => Promise<BareContainer>;
  /** Makes what the restore needs, as for a start; the answer is the restore. */
  prepareRestore: (dir: string) => Promise<() => Promise<BareContainer>>;
  close: () => Promise<void>;
}

/**
 * The same image, agent, limits and network as a sandbox of ours, started by one call of the runtime. The network
 * namespace and the bundle are made beforehand: only the runtime's own work is timed.
 */
export async function openBareRuntime(
  runtimeArgs: (root: string, upper: string) => string[],
): Promise<BareRuntime> {
  const dir = mkdtempSync(join(tmpdir(), 'atoll-bare-'));
  const log = createLog('error');
  const instanceId = randomId(4);
  const runDir = `/run/atoll/${instanceId}`;
  mkdirSync(runDir, { recursive: true });
  const releaseLauncher = await holdLauncher(join(projectRoot, '.build/atoll-agent'));
  const db = openDb(join(dir, 'bare.db'));
  const images = await openImageStore({ db, dataDir: dir, runDir, log });
  await images.importCatalog(process.env['ATOLL_CACHE_DIR'] ?? `${process.env['HOME']}/.cache/atoll`);
  const rootfs = await images.acquireRootfs(
    images.resolve('bench', 'tensorlake/debian-minimal').manifestDigest,
  );
  const network = await createLinuxNetwork({ instanceId, runDir, log });
  const cgroups = createCgroups({ layout: await readCgroupLayout(), instanceId });
  const command = runtimeArgs(join(runDir, 'bare'), dir);

  /** A bundle and a network namespace: what is there before the runtime is called. */
  const prepare = async () => {
    const slotId = newSlotId();
    const endpoint = await network.attach(slotId, AbortSignal.timeout(TIMEOUT_MS));
    const bundle = join(dir, slotId);
    mkdirSync(bundle);
    writeFileSync(join(bundle, 'agent.json'), JSON.stringify(identity));
    const config = bareSpec({
      slot: { id: slotId, endpoint, limits: usualLimits },
      rootfs: rootfs.path,
      bundle,
      cgroup: cgroups.specPath(slotId),
    });
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
    return { slotId, endpoint, bundle };
  };

  const containerOf = (slotId: string, tookMs: number): BareContainer => ({
    tookMs,
    checkpoint: async (to) => {
      const startedAt = performance.now();
      await run([...command, 'checkpoint', `--image-path=${to}`, slotId], { timeoutMs: TIMEOUT_MS });
      return performance.now() - startedAt;
    },
    end: async () => {
      await run([...command, 'kill', slotId, 'KILL'], { timeoutMs: TIMEOUT_MS }).catch(() => {}); // it may have ended
      await run([...command, 'delete', '--force', slotId], { timeoutMs: TIMEOUT_MS });
      await cgroups.remove(slotId);
      await network.release(slotId);
    },
  });

  const launch = async (): Promise<BareContainer> => {
    const { slotId, bundle } = await prepare();
    const startedAt = performance.now();
    const child = launchInCgroup([], [...command, 'run', '--detach', `--bundle=${bundle}`, slotId]);
    await awaitAgentReady(child, { ...withinTimeout(), handsOver: true });
    return containerOf(slotId, performance.now() - startedAt);
  };

  const prepareRestore = async (from: string): Promise<() => Promise<BareContainer>> => {
    const { slotId, bundle, endpoint } = await prepare();
    const args = ['restore', '--detach', `--image-path=${from}`, `--bundle=${bundle}`, slotId];
    return async () => {
      const startedAt = performance.now();
      await awaitSuccess(launchInCgroup([], [...command, ...args]), withinTimeout());
      const news = { suspendedMs: 0, isCopy: false };
      await announceRestored(endpoint, identity.token, news, AbortSignal.timeout(TIMEOUT_MS));
      return containerOf(slotId, performance.now() - startedAt);
    };
  };

  const start = async (): Promise<number> => {
    const container = await launch();
    await container.end();
    return container.tookMs;
  };

  return {
    start,
    launch,
    restore: async (from) => (await prepareRestore(from))(),
    prepareRestore,
    close: async () => {
      await cgroups.close();
      await network.close();
      await rootfs.release();
      await images.closeAll();
      db.close();
      await run(['umount', '-l', join(runDir, 'bare', 'null-netns')], { timeoutMs: TIMEOUT_MS }).catch(
        () => {},
      );
      await releaseLauncher();
      rmSync(runDir, { recursive: true, force: true });
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const identity = {
  sandboxId: 'b'.repeat(21),
  incarnation: 1,
  token: randomId(40),
  listen: '0.0.0.0:9501',
  hostname: 'tl-sbx',
  env: {},
  user: 'tl-user',
  workingDir: '/workspace',
  memoryMb: usualLimits.memoryMb,
  maxProcesses: usualLimits.memoryMb,
  oomGuard: 'meminfo',
  extraCa: false,
  stopSignal: 'SIGTERM',
  stopGraceMs: 10_000,
};

interface BareBundle {
  slot: Slot;
  rootfs: string;
  bundle: string;
  cgroup: string;
}

/** What a sandbox of ours is told as well. */
const bareSpec = ({ slot, rootfs, bundle, cgroup }: BareBundle): object => ({
  ociVersion: OCI_VERSION,
  // The host may not let its root raise limits.
  process: { ...agentProcess(defaultCapabilities, 0), rlimits: [] },
  root: { path: rootfs, readonly: false },
  mounts: [
    ...kernelMounts(slot),
    ...agentMounts({ agentBinary: join(projectRoot, '.build/atoll-agent'), identityDir: bundle }),
  ],
  linux: {
    cgroupsPath: cgroup,
    resources: {
      memory: { limit: usualLimits.memoryMb * 2 ** 20 },
      cpu: { quota: 100_000, period: 100_000 },
      pids: { limit: 2560 },
    },
    namespaces: [
      { type: 'pid' },
      { type: 'ipc' },
      { type: 'uts' },
      { type: 'mount' },
      { type: 'network', path: slot.endpoint.netnsPath },
    ],
  },
});
