import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { pause, waitAtMost } from './deadline.ts';
import { randomId } from './id.ts';
import { launchedProgram } from './launched-program.ts';
import type { Program, ProgramOptions } from './program.ts';

interface Launcher {
  /** Its socket in the abstract namespace, where no disk keeps anything of it; absent while none answers. */
  socket: () => string | undefined;
  close: () => Promise<void>;
}

const READY_TIMEOUT_MS = 10_000;
const TRY_AGAIN_AFTER_MS = 1_000;
const END_TIMEOUT_MS = 5_000;

/** Hears how the launcher ended that nobody has told to. It is started again. */
type OnLost = (end: { code: number | null; signal: string | null }) => void;

/** How this process starts programs; as with its environment, all its parts share one. */
let shared: { opening: Promise<Launcher>; launcher?: Launcher; holders: number } | undefined;

/**
 * From now on a small process (agent/internal/launch) starts the programs of this one, until all who asked for it have
 * called what they got. Node starts them by fork(2) and stands still meanwhile, and every request with it: 1 ms with 50 MB
 * of memory, 20 ms with 250 MB. The first who asks hears of it when it dies.
 */
export async function holdLauncher(
  agentBinary: string,
  onLost: OnLost = () => {},
): Promise<() => Promise<void>> {
  const mine = (shared ??= { opening: openLauncher(agentBinary, onLost), holders: 0 });
  mine.holders += 1;
  const release = async (): Promise<void> => {
    mine.holders -= 1;
    if (mine.holders > 0) return;
    if (shared === mine) shared = undefined;
    await mine.launcher?.close();
  };
  try {
    mine.launcher = await mine.opening;
    return release;
  } catch (error) {
    await release();
    throw error;
  }
}

export const hasLauncher = (): boolean => shared?.launcher?.socket() !== undefined;

/** A program that the launcher starts; absent where there is none. */
export function launch(argv: readonly string[], options: ProgramOptions): Program | undefined {
  const socket = shared?.launcher?.socket();
  return socket === undefined ? undefined : launchedProgram(connect(socket), argv, options);
}

/** One that dies is started again. What it had started by then ends with an error for who waits for it. */
async function openLauncher(agentBinary: string, onLost: OnLost): Promise<Launcher> {
  const closing = new AbortController();
  let current: Started | undefined;
  const start = async (): Promise<void> => {
    const started = await startLauncher(agentBinary);
    current = started;
    started.process.once('exit', (code, signal) => {
      current = undefined;
      if (closing.signal.aborted) return;
      onLost({ code, signal });
      starting = startAgain();
    });
  };
  const startAgain = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      const isStarted = await start().then(
        () => true,
        () => false,
      );
      if (isStarted) return;
      await pause(TRY_AGAIN_AFTER_MS, closing.signal);
    }
  };
  let starting = start();
  await starting;
  return {
    socket: () => current?.socket,
    close: async () => {
      closing.abort();
      await starting;
      if (current) await end(current.process);
    },
  };
}

interface Started {
  process: ChildProcess;
  socket: string;
}

/** Each has a name that nobody knew before: once one is dead, anybody on the host could answer to its name. */
async function startLauncher(agentBinary: string): Promise<Started> {
  const name = `atoll-launch-${randomId(20)}`;
  const process = spawn(agentBinary, ['launch', name], { stdio: ['pipe', 'pipe', 'inherit'] });
  process.on('error', () => {}); // told by its end
  process.stdin.on('error', () => {}); // it ends before we do
  await becomesReady(process);
  // It ends with this process, and keeps it from its end as little as what it has started.
  process.unref();
  for (const pipe of [process.stdin, process.stdout]) (pipe as Socket).unref(); // what Node makes of pipes
  return { process, socket: `\0${name}` };
}

async function end(process: ChildProcess): Promise<void> {
  const ended = once(process, 'exit');
  process.ref(); // this process waits for it now
  process.stdin?.end();
  const { timedOut } = await waitAtMost(ended, END_TIMEOUT_MS);
  if (timedOut) process.kill('SIGKILL');
  await ended;
}

/** It says a line once it answers. */
async function becomesReady(process: ChildProcess): Promise<void> {
  const signal = AbortSignal.timeout(READY_TIMEOUT_MS);
  const ended = once(process, 'exit', { signal }).then(() => {
    throw new Error('the launcher of programs (atoll-agent launch) ended at its start');
  });
  try {
    await Promise.race([once(process.stdout ?? process, 'data', { signal }), ended]);
  } catch (error) {
    process.kill('SIGKILL');
    throw error;
  } finally {
    ended.catch(() => {});
  }
}
