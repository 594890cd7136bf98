import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDockerDaemon } from '../test/fixtures/docker-daemon.ts';
import { debianLayer } from './debian-layer.ts';

const BASE = 'tensorlake/debian-minimal';
const NAME = 'bench';

export interface DockerContainer {
  name: string;
  /** The CLI of Docker, from its start to its end. */
  docker: (...args: string[]) => Promise<string>;
  /** The folder that is `/` to that CLI. */
  hostRoot: string;
  close: () => Promise<void>;
}

/** A container of the same image as our sandboxes that runs under a Docker daemon of its own. */
export async function openDockerContainer(): Promise<DockerContainer> {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-bench-docker-'));
  const { docker, rootfs, stop } = await startDockerDaemon(dir, 'builder');
  const close = async (): Promise<void> => {
    await stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const { blob } = await debianLayer();
    await copyFile(blob, join(rootfs, 'base.tar.gz'));
    await docker('import', '/base.tar.gz', BASE);
    await docker('run', '--detach', '--name', NAME, BASE, 'sleep', 'infinity');
    return { name: NAME, docker, hostRoot: rootfs, close };
  } catch (error) {
    await close();
    throw error;
  }
}
