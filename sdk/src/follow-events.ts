import { SandboxConnectionError, toSandboxError } from './errors.ts';

/** How often in a row a stream may break before its reader gives up. */
const MAX_BREAKS = 5;
const PAUSE_MS = 200;

export interface FollowedStream<T> {
  /** Connects, behind the event with that number. */
  open: (after: number | undefined) => AsyncIterable<T>;
  /** The number of the last event that was seen before. */
  after?: number | undefined;
  /** Whether an event ends the stream; absent where it has no end. */
  isLast?: (event: T) => boolean;
  /** What is followed, for errors. */
  what: string;
  /** Told each time the stream breaks, before it is opened anew. */
  onBreak?: ((error: unknown) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Events with rising numbers, each once; a broken connection is made anew and goes on where it was. */
export async function* followEvents<T extends { id: number }>(stream: FollowedStream<T>): AsyncGenerator<T> {
  const { isLast, onBreak, signal, what } = stream;
  let seen = stream.after;
  for (let breaks = 0; ; breaks += 1) {
    try {
      for await (const event of stream.open(seen)) {
        seen = event.id;
        breaks = 0;
        yield event;
        if (isLast?.(event)) return;
      }
      throw new SandboxConnectionError(`${what} ends too early`);
    } catch (error) {
      const failure = toSandboxError(error, signal);
      if (!(failure instanceof SandboxConnectionError) || breaks >= MAX_BREAKS) throw failure;
      onBreak?.(failure);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, PAUSE_MS * 2 ** breaks);
    });
  }
}
