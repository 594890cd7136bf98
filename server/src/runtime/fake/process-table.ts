import { run } from '../../lib/run.ts';

export interface ProcessRow {
  pid: number;
  parentPid: number;
  memoryBytes: number;
  cpuMs: number;
  commandLine: string;
}

const PS_TIMEOUT_MS = 5_000;

/**
 * All processes. Who asks while a table is being read shares the next one: it begins after the question, so it has what
 * is asked about, and a thousand questions at once are two readings.
 */
export const readProcessTable = createSharedReading(readOnce);

export function createSharedReading<T>(read: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const begin = (): Promise<T> => {
    next = undefined;
    const reading = read().finally(() => {
      if (current === reading) current = undefined;
    });
    current = reading;
    return reading;
  };
  return () => {
    if (current === undefined) return begin();
    next ??= current.then(begin, begin);
    return next;
  };
}

/** By ps(1), which every Unix has, with the columns of POSIX. */
async function readOnce(): Promise<ProcessRow[]> {
  const argv = ['ps', '-A', '-ww', '-o', 'pid=,ppid=,rss=,time=,args='];
  const { stdout } = await run(argv, { timeoutMs: PS_TIMEOUT_MS });
  return stdout.split('\n').flatMap(parseRow);
}

function parseRow(line: string): ProcessRow[] {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line);
  if (match === null) return [];
  const [, pid, parentPid, rssKb, time = '', commandLine = ''] = match;
  return [
    {
      pid: Number(pid),
      parentPid: Number(parentPid),
      memoryBytes: Number(rssKb) * 1024,
      cpuMs: parseCpuTime(time) * 1000,
      commandLine,
    },
  ];
}

/** `[[days-]hours:]minutes:seconds`, in seconds. */
export function parseCpuTime(text: string): number {
  const [clock = '', days = '0'] = text.split('-').toReversed();
  const seconds = clock.split(':').reduce((total, part) => total * 60 + Number(part), 0);
  return Number(days) * 86_400 + seconds;
}

/** The processes that `isRoot` names and all below them. */
export function processTree(rows: readonly ProcessRow[], isRoot: (row: ProcessRow) => boolean): ProcessRow[] {
  const tree = rows.filter(isRoot);
  const pids = new Set(tree.map((row) => row.pid));
  for (let next = tree; next.length > 0;) {
    next = rows.filter((row) => pids.has(row.parentPid) && !pids.has(row.pid));
    for (const row of next) pids.add(row.pid);
    tree.push(...next);
  }
  return tree;
}
