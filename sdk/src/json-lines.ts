import { bodyChunks } from './body-chunks.ts';
import { SandboxConnectionError, toSandboxError } from './errors.ts';

/** The objects of an answer with one JSON value to a line, as they come. */
export async function* readJsonLines(response: Response, signal?: AbortSignal): AsyncGenerator<unknown> {
  if (response.body === null) throw new SandboxConnectionError('the server sent no stream');
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of bodyChunks(response.body)) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line);
    }
  } catch (error) {
    throw toSandboxError(error, signal);
  }
}
