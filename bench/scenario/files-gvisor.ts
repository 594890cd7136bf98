import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@atoll/server/lib/run';
import { openDockerContainer } from '../docker-container.ts';
import type { DockerContainer } from '../docker-container.ts';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';
import { openStand } from '../stand.ts';

const MEGABYTES = 256;
const TIMEOUT_MS = 120_000;
const PATH_INSIDE = '/var/tmp/file.bin';
const NAME = 'file.bin';

interface Ends {
  /** The file of the sandbox, and the headers that lead there. */
  url: string;
  headers: readonly string[];
  /** The file of the host. */
  file: string;
  container: DockerContainer;
}

/** By another process, as clients are: this one is the server. */
const curl = (...args: string[]): Promise<number> =>
  timed(() => run(['curl', '--silent', '--show-error', '--fail', ...args], { timeoutMs: TIMEOUT_MS }));

const upload = ({ url, headers, file }: Ends): Promise<number> =>
  curl(...headers, '--upload-file', file, url);
const download = ({ url, headers, file }: Ends): Promise<number> => curl(...headers, '--output', file, url);

/** A file moved through the gateway, against Docker's copy of one of the same size, its CLI included. */
const fileScenario = (
  name: string,
  throughput: number,
  sides: { ours: (ends: Ends) => Promise<number>; docker: (name: string) => readonly [string, string] },
): Scenario => ({
  name: `${MEGABYTES} MB file ${name}, gVisor`,
  goal: 1 / throughput,
  rounds: { short: 5, full: 20 },
  open: async () => {
    const dir = await mkdtemp(join(tmpdir(), 'atoll-bench-file-'));
    const stack = new AsyncDisposableStack();
    stack.defer(() => rm(dir, { recursive: true, force: true }));
    try {
      const stand = await openStand('gvisor', 1);
      stack.defer(stand.close);
      const container = await openDockerContainer();
      stack.defer(container.close);
      const sandbox = await stand.client.createAndConnect({ memoryMb: 1024, diskMb: 4 * MEGABYTES });
      const ends: Ends = {
        url: `${stand.connection.apiUrl ?? ''}/api/v1/files?path=${encodeURIComponent(PATH_INSIDE)}`,
        headers: [
          '--header',
          `Authorization: Bearer ${stand.connection.apiKey ?? ''}`,
          '--header',
          `Host: ${sandbox.sandboxId}.local`,
        ],
        file: join(dir, NAME),
        container,
      };
      await fill(ends);
      const [from, to] = sides.docker(container.name);
      return {
        subject: { name, run: () => sides.ours(ends) },
        comparator: { name: 'docker cp', run: () => timed(() => container.docker('cp', from, to)) },
        close: () => stack.disposeAsync(),
      };
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  },
});

/** Both ends of both ways have the file, so that every round writes over one. */
async function fill(ends: Ends): Promise<void> {
  const { container, file } = ends;
  const size = `${MEGABYTES}M`;
  await run(['dd', 'if=/dev/urandom', `of=${file}`, `bs=${size}`, 'count=1', 'iflag=fullblock'], {
    timeoutMs: TIMEOUT_MS,
  });
  await upload(ends);
  await copyFile(file, join(container.hostRoot, NAME));
  await container.docker('cp', `/${NAME}`, `${container.name}:${PATH_INSIDE}`);
}

export const uploadGvisor = fileScenario('up', 0.5, {
  ours: upload,
  docker: (name) => [`/${NAME}`, `${name}:${PATH_INSIDE}`],
});

export const downloadGvisor = fileScenario('down', 1, {
  ours: download,
  docker: (name) => [`${name}:${PATH_INSIDE}`, `/${NAME}`],
});
