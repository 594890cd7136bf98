import { group } from '../../../command.ts';
import { add } from './add.ts';
import { ls } from './ls.ts';
import { rm } from './rm.ts';

export const keys = group({
  name: 'keys',
  aliases: ['key'],
  summary: 'your public keys',
  commands: [ls, add, rm],
});
