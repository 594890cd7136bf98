import { group } from '../../command.ts';
import { create } from './create.ts';
import { ls } from './ls.ts';

export const account = group({ name: 'account', summary: 'see and make accounts', commands: [ls, create] });
