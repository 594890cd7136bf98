import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDockerDaemon } from '../test/fixtures/docker-daemon.ts';
import { debianLayer } from './debian-layer.ts';

const BASE = 'tensorlake/debian-minimal';
const NAME = 'bench';

/** A Docker daemon of this process's own, with the base of our sandboxes as an image. */
export interface Docker {
  /** The CLI of Docker, from its start to its end. */
  docker: (...args: string[]) => Promise<string>;
  /** The folder that is `/` to that CLI. */
  hostRoot: string;
}

export interface DockerContainer extends Docker {
  name: string;
  close: () => Promise<void>;
}

let running: Promise<Docker & { stop: () => Promise<void> }> | undefined;

/** The daemon, which all scenarios share: its start takes longer than the rounds of most of them. */
export function openDocker(): Promise<Docker> {
  running ??= start();
  return running;
}

/** Ends the daemon, if there is one, with all that it has. */
export async function closeDocker(): Promise<void> {
  const ending = running;
  running = undefined;
  await (await ending?.catch(() => undefined))?.stop();
}

async function start() {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-bench-docker-'));
  const { docker, rootfs, stop: stopDaemon } = await startDockerDaemon(dir, 'builder');
  const stop = async (): Promise<void> => {
    await stopDaemon();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const { blob } = await debianLayer();
    await copyFile(blob, join(rootfs, 'base.tar.gz'));
    await docker('import', '/base.tar.gz', BASE);
    return { docker, hostRoot: rootfs, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A container of the same image as our sandboxes that runs. */
export async function openDockerContainer(): Promise<DockerContainer> {
  const { docker, hostRoot } = await openDocker();
  await docker('run', '--detach', '--name', NAME, BASE, 'sleep', 'infinity');
  const close = async (): Promise<void> => void (await docker('rm', '--force', NAME));
  return { name: NAME, docker, hostRoot, close };
}
