import { integer, list, number, text, value } from '../parameter.ts';
import { parseEnv } from './env.ts';

/** Options of a command that runs in a sandbox. */
export const processOptions = {
  timeout: value('-t, --timeout <seconds>', 'kill the command after this long', number(0.001)),
  workdir: value('-w, --workdir <path>', 'working directory', text),
  env: list('-e, --env <KEY=VALUE>', 'environment variable', parseEnv),
  user: value('--user <user>', 'user name, uid or uid:gid (default: that of the image)', text),
};

/** A process by the number that `ps` shows. */
export const parsePid = integer(1, 2 ** 31);
