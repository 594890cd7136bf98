import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { join } from 'node:path';
import { randomId } from '../lib/id.ts';
import { run } from '../lib/run.ts';

/** What a command writes to and this process reads: pipes of the kernel, of which Node makes none by itself. */
export interface OutputPipes {
  stdout: Readable;
  stderr: Readable;
  /** Descriptors for the command's output. */
  writers: readonly [number, number];
  /** To be called once the command has them; more calls do nothing. */
  closeWriters(): void;
}

const COMMAND_TIMEOUT_MS = 5_000;

/**
 * Node gives children sockets for their output, and a checkpoint of gVisor that holds a socket of the host cannot be
 * restored; one with pipes can. They have a name in `dir` only until both ends are open.
 */
export async function openOutputPipes(dir: string): Promise<OutputPipes> {
  const id = randomId(8);
  const paths = [join(dir, `stdout-${id}`), join(dir, `stderr-${id}`)] as const;
  await run(['mkfifo', '-m', '600', ...paths], { timeoutMs: COMMAND_TIMEOUT_MS });
  try {
    const [stdout, stderr] = [openReader(paths[0]), openReader(paths[1])];
    // None of these waits, because the readers are there.
    const writers = [openSync(paths[0], 'a'), openSync(paths[1], 'a')] as const;
    return { stdout, stderr, writers, closeWriters: () => writers.forEach((writer) => closeSync(writer)) };
  } finally {
    for (const path of paths) rmSync(path, { force: true });
  }
}

/** Without waiting for a writer. The socket owns the descriptor. */
const openReader = (path: string): Readable =>
  new Socket({
    fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK),
    readable: true,
    writable: false,
  });
