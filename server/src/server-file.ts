import { readFileSync } from 'node:fs';

/** What the command line on the same machine reads to find this process, and to know that it is still this one. */
export const serverFileContent = (url: string): string =>
  JSON.stringify({ url, pid: process.pid, startTicks: ownStartTicks(), startedAt: Date.now() });

/** `starttime` of proc_pid_stat(5), counted from behind the program's name, which may hold anything. */
function ownStartTicks(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
}
