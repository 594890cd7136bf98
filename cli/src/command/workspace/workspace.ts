import { group } from '../../command.ts';
import { create } from './create.ts';
import { ls } from './ls.ts';
import { close, open, openings } from './openings.ts';
import { quota } from './quota.ts';
import { use } from './use.ts';

export const workspace = group({
  name: 'workspace',
  summary: 'see, make and choose workspaces',
  commands: [ls, create, use, quota, openings, open, close],
});
