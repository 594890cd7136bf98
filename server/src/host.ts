import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openCgroups } from './cgroup-parent.ts';
import { ConfigError, isLoopback } from './config.ts';
import type { ServerConfig } from './config.ts';
import type { Log } from './lib/log.ts';
import type { EgressPolicy } from './network/egress-policy.ts';
import { createLinuxNetwork } from './network/linux.ts';
import { createLoopbackNetwork } from './network/loopback.ts';
import type { SandboxNetwork } from './network/network.ts';
import { readCgroupLayout } from './runtime/cgroup-layout.ts';
import type { RuntimeDriver } from './runtime/driver.ts';
import { createFakeDriver } from './runtime/fake/fake-driver.ts';
import { createGvisorDriver } from './runtime/gvisor/gvisor-driver.ts';
import { createNativeDriver } from './runtime/native/native-driver.ts';
import type { DataDir } from './store/data-dir.ts';

/** The two things that touch the host: what runs sandboxes and what connects them. */
export interface Host {
  driver: RuntimeDriver;
  network: SandboxNetwork;
}

export interface HostOptions {
  config: ServerConfig;
  dataDir: DataDir;
  runDir: string;
  pauseBinary: string;
  /** The rules on record of a slot's sandbox. */
  policyOf: (slotId: string) => EgressPolicy | undefined;
  log: Log;
}

/** Chooses driver and network by the configured runtime. */
export async function openHost(options: HostOptions): Promise<Host> {
  const { config, runDir, log } = options;
  await mkdir(runDir, { recursive: true, mode: 0o700 });
  if (config.runtime === 'fake') return openFakeHost(options);
  const network = await createLinuxNetwork({
    instanceId: options.dataDir.instanceId,
    runDir,
    limits: config.egressLimits,
    ...(config.resolvers !== undefined && { upstreamResolvers: config.resolvers }),
    policyOf: options.policyOf,
    log,
  });
  try {
    return { driver: await openDriver(options), network };
  } catch (error) {
    await network.close();
    throw error;
  }
}

/** No isolation at all: good for developing clients, so it must not be reachable by others. */
async function openFakeHost({ config, runDir, log }: HostOptions): Promise<Host> {
  if (!isLoopback(config.host)) {
    throw new ConfigError(
      `--runtime fake isolates nothing; it listens on a loopback address only, not on ${config.host}`,
    );
  }
  return { driver: await createFakeDriver({ runDir, log }), network: createLoopbackNetwork() };
}

async function openDriver({
  config,
  dataDir,
  runDir,
  pauseBinary,
  log,
}: HostOptions): Promise<RuntimeDriver> {
  const cgroups = await openCgroups(await readCgroupLayout(), dataDir, config.cgroupParent);
  const common = { runDir, dataDir: dataDir.path, cgroups, log };
  if (config.runtime === 'native') {
    const { idmapBinary, unsafeNative } = config;
    return createNativeDriver({ ...common, idmapBinary, unsafeNative });
  }
  return createGvisorDriver({ ...common, runscPath: join(config.cacheDir, 'runsc', 'runsc'), pauseBinary });
}
