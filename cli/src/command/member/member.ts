import { group } from '../../command.ts';
import { add } from './add.ts';
import { ls } from './ls.ts';
import { rm } from './rm.ts';
import { role } from './role.ts';

export const member = group({
  name: 'member',
  summary: 'who may use a workspace, and as what',
  commands: [ls, add, role, rm],
});
