import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDb } from '@atoll/server/store/db';
import { openImageStore } from '@atoll/server/image/image-store';
import { createLog } from '@atoll/server/lib/log';
import { newSlotId, randomId } from '@atoll/server/lib/id';
import { run } from '@atoll/server/lib/run';
import { createLinuxNetwork } from '@atoll/server/network/linux';
import { awaitAgentReady } from '@atoll/server/runtime/agent-ready';
import { createCgroups } from '@atoll/server/runtime/cgroup';
import { readCgroupLayout } from '@atoll/server/runtime/cgroup-layout';
import {
  agentMounts,
  agentProcess,
  defaultCapabilities,
  kernelMounts,
  OCI_VERSION,
} from '@atoll/server/runtime/oci-spec';
import { usualLimits } from '@atoll/server/sandbox/admission';
import { projectRoot } from './stand.ts';

const TIMEOUT_MS = 30_000;

export interface BareRuntime {
  /** The time from the call of the runtime until the agent in the container listens. */
  start: () => Promise<number>;
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
  const db = openDb(join(dir, 'bare.db'));
  const images = await openImageStore({ db, dataDir: dir, runDir, log });
  await images.importCatalog(process.env['ATOLL_CACHE_DIR'] ?? `${process.env['HOME']}/.cache/atoll`);
  const rootfs = await images.acquireRootfs(
    images.resolve('bench', 'tensorlake/debian-minimal').manifestDigest,
  );
  const network = await createLinuxNetwork({ instanceId, runDir, log });
  const cgroups = createCgroups({ layout: await readCgroupLayout(), instanceId });
  const command = runtimeArgs(join(runDir, 'bare'), dir);

  const start = async (): Promise<number> => {
    const slotId = newSlotId();
    const endpoint = await network.attach(slotId, AbortSignal.timeout(TIMEOUT_MS));
    const bundle = join(dir, slotId);
    mkdirSync(bundle);
    writeFileSync(join(bundle, 'agent.json'), JSON.stringify(identity));
    const slot = { id: slotId, endpoint, limits: usualLimits };
    writeFileSync(
      join(bundle, 'config.json'),
      JSON.stringify({
        ociVersion: OCI_VERSION,
        // The host may not let its root raise limits.
        process: { ...agentProcess(defaultCapabilities, 0), rlimits: [] },
        root: { path: rootfs.path, readonly: false },
        mounts: [
          ...kernelMounts(slot),
          ...agentMounts({ agentBinary: join(projectRoot, '.build/atoll-agent'), identityDir: bundle }),
        ],
        linux: {
          cgroupsPath: cgroups.specPath(slotId),
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
            { type: 'network', path: endpoint.netnsPath },
          ],
        },
      }),
    );
    const startedAt = performance.now();
    const [program = '', ...args] = command;
    const child = spawn(program, [...args, 'run', '--detach', `--bundle=${bundle}`, slotId], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    await awaitAgentReady(child, {
      timeoutMs: TIMEOUT_MS,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      handsOver: true,
    });
    const took = performance.now() - startedAt;
    await run([...command, 'kill', slotId, 'KILL'], { timeoutMs: TIMEOUT_MS });
    await run([...command, 'delete', '--force', slotId], { timeoutMs: TIMEOUT_MS });
    await cgroups.remove(slotId);
    await network.release(slotId);
    return took;
  };

  return {
    start,
    close: async () => {
      await cgroups.close();
      await network.close();
      await rootfs.release();
      await images.closeAll();
      db.close();
      await run(['umount', '-l', join(runDir, 'bare', 'null-netns')], { timeoutMs: TIMEOUT_MS }).catch(
        () => {},
      );
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
