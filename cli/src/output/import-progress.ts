import type { ImageImportEvent } from '@atoll/sdk';
import { formatBytes, plural } from './format.ts';
import type { Output } from './output.ts';

export interface ImportProgress {
  show(event: ImageImportEvent): void;
  /** Runs the import; the line on the terminal goes with it. */
  during<T>(reference: string, work: () => Promise<T>): Promise<T>;
}

/** One line that counts where somebody watches; a line per step elsewhere. */
export function createImportProgress(output: Output): ImportProgress {
  const received = new Map<string, number>();
  let sizeBytes = 0;
  const draw = (text: string): void => {
    if (output.isProgressSeen) void output.writeError(`\r\x1b[2K${text}`);
  };
  const step = (text: string): void => {
    if (output.isProgressSeen) draw(text);
    else output.note(text);
  };
  return {
    show(event) {
      if (event.status === 'resolved') {
        sizeBytes = event.sizeBytes;
        step(`${event.digest}: ${plural(event.layerCount, 'layer')}, ${formatBytes(sizeBytes)}`);
      }
      if (event.status === 'downloading') {
        received.set(event.digest, event.receivedBytes);
        const sum = [...received.values()].reduce((total, bytes) => total + bytes, 0);
        draw(`Downloading ${formatBytes(sum)} of ${formatBytes(sizeBytes)}`);
      }
      if (event.status === 'unpacking') step('Unpacking...');
    },
    async during(reference, work) {
      step(`Importing ${reference}...`);
      try {
        return await work();
      } finally {
        draw('');
      }
    },
  };
}
