import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Program } from '../../lib/program.ts';
import { run } from '../../lib/run.ts';

/** A `runsc run`, or a `runsc restore`, that has come as far as it can without knowing the image. */
export interface HeldRun {
  command: Program;
  /** Lets it go on with what its bundle says by now. */
  release(): Promise<void>;
}

export interface HoldOptions {
  /** Path for a named pipe; `gateZone(gate)` must be the time zone of the command. */
  gate: string;
  /** The bundle's spec. It has to be replaced in place before the release. */
  configFile: string;
  signal: AbortSignal;
  launch: () => Program;
}

const HOLD_TIMEOUT_MS = 10_000;
const PAUSE_MS = 2;
const COMMAND_TIMEOUT_MS = 5_000;

export const gateZone = (gate: string): Record<string, string> => ({ TZ: `:${gate}` });

/**
 * Half of a container's start is two runsc processes coming up: the command and its file proxy. Each of them reads its
 * time zone once it is initialised, the command after it has read the spec and the proxy before it does. So a time
 * zone that is a named pipe holds them: the command passes a first pipe with a preliminary spec, starts the proxy, and
 * the proxy waits at a second one. What it reads after that is the spec that counts.
 *
 * Without a writer, as when the server dies, the proxy goes on with what the spec says by then: before `start` has
 * written it, nothing, so it fails and the command undoes itself; after, the sandbox starts, and is found by its slot.
 */
export async function holdRun({ gate, configFile, signal, launch }: HoldOptions): Promise<HeldRun> {
  const second = `${gate}.next`;
  for (const pipe of [gate, second]) await rm(pipe, { force: true });
  await run(['mkfifo', '-m', '600', gate, second], { timeoutMs: COMMAND_TIMEOUT_MS, signal });
  const command = launch();
  try {
    const first = await openForReader(gate, command, signal);
    await rename(second, gate);
    await writeFile(configFile, '');
    await first.close();
    const proxy = await openForReader(gate, command, signal);
    return { command, release: () => proxy.close() };
  } catch (error) {
    command.hangUp();
    throw error;
  }
}

/** Opening for writing succeeds once the other side waits in its opening for reading. */
async function openForReader(pipe: string, command: Program, signal: AbortSignal): Promise<FileHandle> {
  const deadline = Date.now() + HOLD_TIMEOUT_MS;
  for (;;) {
    try {
      return await open(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENXIO')) throw error;
    }
    signal.throwIfAborted();
    if (command.hasEnded()) throw new Error('runsc ended at its gate');
    if (Date.now() > deadline) throw new Error(`runsc did not come to its gate in ${HOLD_TIMEOUT_MS} ms`);
    await sleep(PAUSE_MS);
  }
}
