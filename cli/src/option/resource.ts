import { integer, number, text, value } from '../parameter.ts';

/** What a new sandbox is made of. */
export const resourceOptions = {
  image: value('-i, --image <name>', 'registered image', text),
  cpus: value('-c, --cpus <number>', 'CPUs, fractions allowed', number(0)),
  memory: value('-m, --memory <mb>', 'memory in megabytes', integer(0)),
  disk: value('--disk, --disk_mb <mb>', 'disk in megabytes', integer(0)),
};
