import { run } from '../../lib/run.ts';

export interface ProcessRow {
  pid: number;
  parentPid: number;
  memoryBytes: number;
  cpuMs: number;
  commandLine: string;
}

const PS_TIMEOUT_MS = 5_000;

/** All processes, by ps(1), which every Unix has, with the columns of POSIX. */
export async function readProcessTable(): Promise<ProcessRow[]> {
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
