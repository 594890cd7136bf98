import { group } from '../../../command.ts';
import { expose } from './expose.ts';
import { ls } from './ls.ts';
import { rm } from './rm.ts';

export const port = group({
  name: 'port',
  summary: 'ports of a sandbox that are reached through the server',
  commands: [ls, expose, rm],
});
