import { group } from '../../command.ts';
import { describe } from './describe.ts';
import { ls } from './ls.ts';

export const image = group({ name: 'image', summary: 'see images', commands: [ls, describe] });
