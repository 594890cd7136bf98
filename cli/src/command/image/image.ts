import { group } from '../../command.ts';
import { describe } from './describe.ts';
import { importImage, pull } from './import.ts';
import { ls } from './ls.ts';
import { prune } from './prune.ts';
import { rm } from './rm.ts';
import { tag } from './tag.ts';

export const image = group({
  name: 'image',
  summary: 'images: import, name, remove',
  commands: [ls, describe, importImage, pull, tag, rm, prune],
});
