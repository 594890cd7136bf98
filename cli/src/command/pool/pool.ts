import { group } from '../../command.ts';
import { claim } from './claim.ts';
import { create } from './create.ts';
import { describe } from './describe.ts';
import { ls } from './ls.ts';
import { rm } from './rm.ts';
import { update } from './update.ts';

export const pool = group({
  name: 'pool',
  summary: 'sandboxes that are made ahead of time, to be claimed',
  commands: [create, ls, describe, update, rm, claim],
});
