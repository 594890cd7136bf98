import { group } from '../../command.ts';
import { ls } from './ls.ts';
import { rotateKey } from './rotate-key.ts';
import { set } from './set.ts';
import { unset } from './unset.ts';

export const secrets = group({
  name: 'secrets',
  aliases: ['secret'],
  summary: 'values for the environment of sandboxes that nobody can read back',
  commands: [ls, set, unset, rotateKey],
});
