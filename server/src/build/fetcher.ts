import { AGENT_PATH } from '../runtime/oci-spec.ts';
import type { SandboxMount } from '../runtime/driver.ts';
import type { Builder } from './builder.ts';
import { StepFailure } from './step-failure.ts';
import type { StepSocket } from './step-socket.ts';
import type { Workplace } from './workplace.ts';

export interface FetcherOptions {
  workplace: Workplace;
  builder: Builder;
  cpus: number;
  memoryMb: number;
  workspaceId: string;
  signal: AbortSignal;
}

export interface FetcherTask {
  /** What the step asks for, in its own words. */
  title: string;
  lowers: readonly string[];
  /** Of the agent's binary. */
  args: readonly string[];
  /** Made if it is missing. */
  workingDir: string;
  env?: Readonly<Record<string, string>>;
  mounts?: readonly SandboxMount[];
  sockets?: readonly StepSocket[];
}

/** What a fetcher has left: the tree that it wrote, and the last line that it said. */
export interface Fetched {
  root: string;
  answer: string;
}

const MAX_REASON_CHARS = 2000;

/**
 * Runs the agent to fetch something. In a sandbox: what an author of a Dockerfile names may be any address, and the
 * server's own network reaches more than a build may.
 */
export async function runFetcher(options: FetcherOptions, task: FetcherTask): Promise<Fetched> {
  const { workplace, builder } = options;
  const disk = await workplace.makeLayerDir();
  const last = { stdout: '', stderr: '' };
  const { end, ranOutOfMemory } = await builder.run({
    lowers: task.lowers,
    disk,
    cpus: options.cpus,
    memoryMb: options.memoryMb,
    mounts: task.mounts ?? [],
    sockets: task.sockets ?? [],
    hasNetwork: true,
    workspaceId: options.workspaceId,
    bringsAuthorities: true,
    process: { argv: [AGENT_PATH, ...task.args], env: task.env ?? {}, workingDir: task.workingDir, user: '' },
    signal: options.signal,
    onLine: ({ stream, text }) => (last[stream] = text.slice(0, MAX_REASON_CHARS)),
  });
  if (end.kind === 'exited' && end.code === 0) return { root: `${disk}/upper`, answer: last.stdout };
  if (ranOutOfMemory) {
    throw new StepFailure(`${task.title}: it needs more than ${options.memoryMb} MB of memory`, {
      shortOf: 'memory',
    });
  }
  if (await workplace.isFull()) {
    throw new StepFailure(`${task.title}: the disk of the build is full`, { shortOf: 'disk' });
  }
  const why = last.stderr || (end.kind === 'refused' ? end.reason : 'the download was cut');
  throw new StepFailure(`${task.title}: ${why}`);
}
