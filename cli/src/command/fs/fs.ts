import { group } from '../../command.ts';
import { attach } from './attach.ts';
import { create } from './create.ts';
import { describe } from './describe.ts';
import { detach } from './detach.ts';
import { ls } from './ls.ts';
import { rm } from './rm.ts';
import { snapshot } from './snapshot/snapshot.ts';
import { update } from './update.ts';

export const fs = group({
  name: 'fs',
  aliases: ['volume'],
  summary: 'file systems that outlive sandboxes',
  commands: [create, ls, describe, update, rm, snapshot, attach, detach],
});
