import { importEvent } from '@atoll/protocol';
import type { ImageImportEvent, ImageInfo } from '@atoll/protocol';
import { SandboxConnectionError, SandboxError } from './errors.ts';

/** Follows an import to its end. */
export async function readImport(
  response: Response,
  onProgress: (event: ImageImportEvent) => void = () => {},
): Promise<ImageInfo> {
  for await (const line of linesOf(response)) {
    const event = importEvent.parse(JSON.parse(line));
    onProgress(event);
    if (event.status === 'done') return event.image;
    if (event.status === 'failed') {
      const { message, hint } = event.error;
      throw new SandboxError(message, hint === undefined ? {} : { hint });
    }
  }
  throw new SandboxConnectionError('the server went away in the middle of the import', {
    hint: 'Start the import again: what was fetched completely is kept for a while.',
  });
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body ?? []) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line !== '');
  }
}
