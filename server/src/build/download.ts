import type { Workshop } from '../image/workshop.ts';
import { AGENT_PATH } from '../runtime/oci-spec.ts';
import type { Builder } from './builder.ts';
import type { UrlSource } from './dockerfile/step.ts';
import { StepFailure } from './step-failure.ts';
import type { Workplace } from './workplace.ts';

interface Options {
  workshop: Workshop;
  workplace: Workplace;
  builder: Builder;
  cpus: number;
  memoryMb: number;
  workspaceId: string;
  signal: AbortSignal;
}

/** A file that was downloaded: the tree that it lies in, and where. */
export interface Download {
  root: string;
  path: string;
}

export type Downloads = ReturnType<typeof createDownloads>;

/**
 * Fetches web addresses, each once in a build. In a sandbox: what an author of a Dockerfile names may be any address, and
 * the server's own network reaches more than a build may.
 */
export function createDownloads(options: Options) {
  const started = new Map<string, Promise<Download>>();
  return {
    fetch: (source: UrlSource): Promise<Download> => {
      const key = `${source.url} ${source.checksum ?? ''}`;
      const known = started.get(key) ?? download(options, source);
      started.set(key, known);
      return known;
    },
  };
}

async function download(options: Options, { url, fileName, checksum }: UrlSource): Promise<Download> {
  const { workshop, workplace, builder, signal } = options;
  const disk = await workplace.makeLayerDir();
  const path = `/download/${fileName ?? 'download'}`;
  const said: string[] = [];
  const { end } = await builder.run({
    lowers: await workshop.trees([], signal),
    disk,
    cpus: options.cpus,
    memoryMb: options.memoryMb,
    mounts: [],
    hasNetwork: true,
    workspaceId: options.workspaceId,
    bringsAuthorities: true,
    process: {
      argv: [AGENT_PATH, 'fetch', url, path, ...(checksum === undefined ? [] : [checksum])],
      env: {},
      workingDir: '/download',
      user: '',
    },
    signal,
    onLine: ({ text }) => said.push(text),
  });
  if (end.kind === 'exited' && end.code === 0) return { root: `${disk}/upper`, path };
  const why = said.at(-1) ?? (end.kind === 'refused' ? end.reason : 'the download was cut');
  throw new StepFailure(`ADD ${url}: ${why}`);
}
