import { group } from '../../command.ts';
import { build, create } from './create.ts';
import { debug } from './debug.ts';
import { describe } from './describe.ts';
import { importImage, pull } from './import.ts';
import { ls } from './ls.ts';
import { prune } from './prune.ts';
import { push } from './push.ts';
import { register } from './register.ts';
import { rm } from './rm.ts';
import { accept, decline, pending, share, shares, unshare } from './share.ts';
import { tag } from './tag.ts';

export const image = group({
  name: 'image',
  summary: 'images: build, import, name, share, remove',
  commands: [
    create,
    build,
    ls,
    describe,
    register,
    importImage,
    pull,
    push,
    tag,
    rm,
    prune,
    debug,
    share,
    unshare,
    shares,
    pending,
    accept,
    decline,
  ],
});
