import type { Log } from '../lib/log.ts';

interface Options {
  rootfs: { unpack(manifestDigest: string, signal: AbortSignal): Promise<void> };
  log: Log;
  closing: AbortSignal;
}

/**
 * Unpacks images in the background, one after the other, so that the first sandbox of a pushed image need not wait
 * for it. A sandbox that comes sooner joins the work; an image that cannot be unpacked says so at its first use.
 */
export function createUnpackAhead({ rootfs, log, closing }: Options): (manifestDigest: string) => void {
  const waiting = new Set<string>();
  let isWorking = false;
  const work = async (): Promise<void> => {
    for (const digest of waiting) {
      if (closing.aborted) break;
      waiting.delete(digest);
      await rootfs
        .unpack(digest, closing)
        .catch((error: unknown) => log.warn({ err: error, digest }, 'a pushed image cannot be unpacked'));
    }
    isWorking = false;
  };
  return (digest) => {
    waiting.add(digest);
    if (isWorking) return;
    isWorking = true;
    void work();
  };
}
