import { group } from '../../command.ts';
import { image } from '../image/image.ts';
import { checkpoint } from './checkpoint/checkpoint.ts';
import { clone, copy } from './copy.ts';
import { cp } from './cp.ts';
import { create } from './create.ts';
import { describe } from './describe.ts';
import { exec } from './exec.ts';
import { kill } from './kill.ts';
import { logs } from './logs.ts';
import { ls } from './ls.ts';
import { name } from './name.ts';
import { network } from './network.ts';
import { port } from './port/port.ts';
import { ps } from './ps.ts';
import { pty } from './pty/pty.ts';
import { resume } from './resume.ts';
import { rollback } from './rollback.ts';
import { run } from './run.ts';
import { suspend } from './suspend.ts';
import { ssh } from './ssh.ts';
import { terminate } from './terminate.ts';
import { tree } from './tree.ts';
import { tunnel } from './tunnel.ts';
import { update } from './update.ts';

export const sbx = group({
  name: 'sbx',
  aliases: ['sandbox'],
  summary: 'create sandboxes and work in them',
  commands: [
    create,
    ls,
    describe,
    exec,
    run,
    ssh,
    pty,
    cp,
    tunnel,
    port,
    ps,
    logs,
    kill,
    name,
    update,
    network,
    suspend,
    resume,
    copy,
    clone,
    checkpoint,
    rollback,
    tree,
    terminate,
    image,
  ],
});
