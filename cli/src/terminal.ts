import type { Pty } from '@atoll/sdk';
import type { Context } from './context.ts';

/** Ctrl-D. */
const END_OF_INPUT = '\x04';
const END_REPEAT_MS = 500;

/** What our own terminal has for columns and rows; a pipe has none. */
export function terminalSize(): { cols: number; rows: number } | undefined {
  const { columns, rows } = process.stdout;
  return columns > 0 && rows > 0 ? { cols: columns, rows } : undefined;
}

/**
 * Joins our terminal, or the pipes in its place, with one in a sandbox until it ends; the result is its exit code.
 * Keys go through as they are, Ctrl-C included.
 */
export async function joinTerminal(context: Context, pty: Pty): Promise<number> {
  const leave = [sendInput(context, pty), followSize(pty), leaveOnAbort(context, pty)];
  try {
    for await (const chunk of pty) await context.output.write(chunk);
    return await pty.wait();
  } finally {
    for (const stop of leave) stop();
  }
}

function sendInput({ stdin }: Context, pty: Pty): () => void {
  const isTerminal = stdin.isTTY === true;
  const onData = (chunk: Buffer): void => {
    stdin.pause();
    pty.sendInput(chunk).then(
      () => stdin.resume(),
      () => {},
    );
  };
  let ending: NodeJS.Timeout | undefined;
  // A pipe that ends is Ctrl-D for the terminal. One that comes while a program hands the terminal over is lost.
  const onEnd = (): void => {
    const sendEnd = (): void => void pty.sendInput(END_OF_INPUT).catch(() => {});
    sendEnd();
    ending = setInterval(sendEnd, END_REPEAT_MS);
  };
  if (isTerminal) stdin.setRawMode(true);
  stdin.on('data', onData).on('end', onEnd).resume();
  return () => {
    clearInterval(ending);
    stdin.off('data', onData).off('end', onEnd).pause();
    if (isTerminal) stdin.setRawMode(false);
    stdin.unref();
  };
}

function followSize(pty: Pty): () => void {
  const resize = (): void => {
    const size = terminalSize();
    if (size) pty.resize(size.cols, size.rows).catch(() => {});
  };
  process.stdout.on('resize', resize);
  resize();
  return () => void process.stdout.off('resize', resize);
}

function leaveOnAbort({ signal }: Context, pty: Pty): () => void {
  const leave = (): void => pty.disconnect();
  signal.addEventListener('abort', leave, { once: true });
  return () => signal.removeEventListener('abort', leave);
}
