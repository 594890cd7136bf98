import { formatBytes } from './format.ts';
import type { Output } from './output.ts';

const drawEveryMs = 100;

export interface Transfer {
  chunks: AsyncIterable<Uint8Array>;
  transferredBytes(): number;
}

/** Counts what goes through and, where somebody watches, shows it. */
export function countTransfer(
  output: Output,
  source: AsyncIterable<Uint8Array>,
  sizeBytes: number | undefined,
): Transfer {
  let transferred = 0;
  async function* counted() {
    let drawnAt = Date.now();
    try {
      for await (const chunk of source) {
        transferred += chunk.byteLength;
        yield chunk;
        if (!output.isProgressSeen || Date.now() - drawnAt < drawEveryMs) continue;
        drawnAt = Date.now();
        await output.writeError(`\r\x1b[2K${formatProgress(transferred, sizeBytes)}`);
      }
    } finally {
      if (output.isProgressSeen) await output.writeError('\r\x1b[2K');
    }
  }
  return { chunks: counted(), transferredBytes: () => transferred };
}

function formatProgress(transferred: number, sizeBytes: number | undefined): string {
  if (!sizeBytes) return formatBytes(transferred);
  const percent = Math.floor((transferred / sizeBytes) * 100);
  return `${formatBytes(transferred)} of ${formatBytes(sizeBytes)} (${percent} %)`;
}

/** Shows how much of a tree has been copied, where somebody watches. */
export function countFiles(output: Output) {
  let drawnAt = Date.now();
  return {
    onProgress: ({ fileCount, sizeBytes }: { fileCount: number; sizeBytes: number }): void => {
      if (!output.isProgressSeen || Date.now() - drawnAt < drawEveryMs) return;
      drawnAt = Date.now();
      void output.writeError(`\r\x1b[2K${fileCount} files, ${formatBytes(sizeBytes)}`);
    },
    during: async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        return await work();
      } finally {
        if (output.isProgressSeen) await output.writeError('\r\x1b[2K');
      }
    },
  };
}
