import type { Workshop } from '../image/workshop.ts';
import type { UrlSource } from './dockerfile/step.ts';
import { runFetcher } from './fetcher.ts';
import type { FetcherOptions } from './fetcher.ts';

interface Options extends FetcherOptions {
  workshop: Workshop;
}

/** A file that was downloaded: the tree that it lies in, and where. */
export interface Download {
  root: string;
  path: string;
}

export type Downloads = ReturnType<typeof createDownloads>;

/** Fetches web addresses, each once in a build. */
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
  const path = `/download/${fileName ?? 'download'}`;
  const { root } = await runFetcher(options, {
    title: `ADD ${url}`,
    lowers: await options.workshop.trees([], options.signal),
    args: ['fetch', url, path, ...(checksum === undefined ? [] : [checksum])],
    workingDir: '/download',
  });
  return { root, path };
}
