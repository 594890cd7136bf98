import { readFileSync } from 'node:fs';
import { arch, availableParallelism, release, totalmem } from 'node:os';

/** What a benchmark ran on. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGib: number;
  /** Its version, without the name of the build. */
  kernel: string;
  arch: string;
}

/** What the numbers were taken on: compare rows, not machines. */
export function describeMachine(): Machine {
  const cpu = /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
  return {
    cpu,
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release().replace(/-.*$/, ''),
    arch: arch(),
  };
}

/** What the rows were taken on. */
export const onMachine = ({ machine }: { machine: Machine }): string =>
  `On ${machine.cores} cores of ${machine.cpu}, ${machine.memoryGib} GiB, Linux ${machine.kernel} ${machine.arch}.`;
