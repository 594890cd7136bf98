import { group } from '../../../command.ts';
import { attach } from './attach.ts';
import { ls } from './ls.ts';
import { rm } from './rm.ts';

export const pty = group({
  name: 'pty',
  summary: 'terminal sessions of a sandbox',
  commands: [ls, attach, rm],
});
