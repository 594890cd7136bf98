import type { ImageImportEvent, ImageInfo } from '@atoll/protocol';
import type { ImportHooks } from '../../image/remote/import-remote.ts';
import type { Log } from '../../lib/log.ts';
import { publicError } from '../error-reply.ts';

/** An import as lines of JSON: the head of the answer is out by the time it can fail, so the last line says how it went. */
export async function* importLines(
  start: (hooks: ImportHooks) => Promise<string>,
  describe: (imageId: string) => ImageInfo,
  signal: AbortSignal,
  log: Log,
): AsyncGenerator<string> {
  const waiting: ImageImportEvent[] = [];
  let wake = (): void => {};
  const work = start({
    signal,
    onProgress: (event) => {
      waiting.push(event);
      wake();
    },
  })
    .then((id): ImageImportEvent => ({ status: 'done', image: describe(id) }))
    .catch((error: unknown) => failedEvent(error, log))
    .then((event) => {
      waiting.push(event);
      wake();
    });
  for (;;) {
    const event = waiting.shift();
    if (event) {
      yield `${JSON.stringify(event)}\n`;
      if (event.status === 'done' || event.status === 'failed') return work;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (waiting.length > 0) resolve();
      });
    }
  }
}

function failedEvent(error: unknown, log: Log): ImageImportEvent {
  const { code, message, hint } = publicError(error);
  if (code === 'internal') log.error({ err: error }, 'an import failed');
  return { status: 'failed', error: { code, message, ...(hint !== undefined && { hint }) } };
}
